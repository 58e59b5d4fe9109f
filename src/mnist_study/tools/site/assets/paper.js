// The paper: ink as bytes on a grid of our own, drawn in integers, so that no browser's antialiasing changes an answer.
// It defines `paper`; `onchange` is called after each change, `onpause` after each stroke.
"use strict";

const paper = (() => {
  const SIDE = 280, PEN = 11, KEPT = 60; // pixels; the pen's radius; states that undo goes back to
  const canvas = document.getElementById("paper"), context = canvas.getContext("2d"), shown = context.createImageData(SIDE, SIDE);
  const buttons = { undo: document.getElementById("undo"), clear: document.getElementById("clear") };
  const before = [];
  const own = { side: SIDE, drawing: false, ink: new Uint8Array(SIDE * SIDE), onchange() {}, onpause() {} };

  function changed() {
    own.ink.forEach((value, at) => shown.data.set([value, value, value, 255], 4 * at));
    context.putImageData(shown, 0, 0);
    buttons.undo.disabled = !before.length;
    buttons.clear.disabled = !own.ink.some(Boolean);
    own.onchange();
  }

  function remember() {
    before.push(own.ink.slice());
    if (before.length > KEPT) before.shift();
  }

  /** Inks what lies within PEN of the way from one place to the other; all in integers. */
  function segment([x0, y0], [x1, y1]) {
    const across = x1 - x0, down = y1 - y0, length = across * across + down * down;
    const [left, right] = [Math.min(x0, x1) - PEN, Math.max(x0, x1) + PEN], [top, bottom] = [Math.min(y0, y1) - PEN, Math.max(y0, y1) + PEN];
    for (let y = Math.max(0, top); y <= Math.min(SIDE - 1, bottom); y++)
      for (let x = Math.max(0, left); x <= Math.min(SIDE - 1, right); x++) {
        const along = (x - x0) * across + (y - y0) * down;
        const aside = (x - x0) * down - (y - y0) * across;
        const near = along <= 0 ? (x - x0) ** 2 + (y - y0) ** 2 <= PEN * PEN
          : along >= length ? (x - x1) ** 2 + (y - y1) ** 2 <= PEN * PEN
          : aside * aside <= PEN * PEN * length;
        if (near) own.ink[y * SIDE + x] = 255;
      }
  }

  function place(event) {
    const edge = canvas.getBoundingClientRect();
    return [((event.clientX - edge.left) * SIDE) / edge.width, ((event.clientY - edge.top) * SIDE) / edge.height].map(Math.round);
  }

  let last = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    remember();
    last = place(event);
    own.drawing = true;
    segment(last, last);
    changed();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last || !event.isPrimary) return;
    const several = event.getCoalescedEvents?.() ?? [];
    for (const each of several.length ? several : [event]) {
      segment(last, place(each));
      last = place(each);
    }
    changed();
  });
  for (const name of ["pointerup", "pointercancel"])
    canvas.addEventListener(name, (event) => {
      if (!last || !event.isPrimary) return;
      last = null;
      own.drawing = false;
      own.onpause();
    });

  own.undo = () => {
    if (!before.length) return;
    own.ink = before.pop();
    changed();
    own.onpause();
  };
  own.clear = () => {
    remember();
    own.ink = new Uint8Array(SIDE * SIDE);
    changed();
    own.onpause();
  };
  /** Clears, then draws lines through places in pixels. */
  own.draw = (lines) => {
    remember();
    own.ink = new Uint8Array(SIDE * SIDE);
    for (const line of lines) for (let i = 0; i < line.length; i++) segment(line[Math.max(0, i - 1)], line[i]);
    changed();
    own.onpause();
  };
  /** Takes a picture's ink in place of what is there; rejects with words where it cannot be read or shows nothing. */
  own.take = async (file) => {
    const count = await frames(file), picture = await createImageBitmap(file).catch(() => { throw new Error("This is no picture that the browser can read."); });
    if (count > 1) throw new Error(`There are ${count} pictures in this file; give one of them as a picture of its own.`);
    const found = inkOn(picture, "#fff") ?? inkOn(picture, "#000"); // what is transparent may be either
    if (!found) throw new Error("The picture shows nothing: all of it is as its rim.");
    remember();
    own.ink = found;
    changed();
    own.onpause();
  };

  /** How many pictures a file holds, as far as the browser tells: several in an animation. */
  async function frames(file) {
    if (!globalThis.ImageDecoder || !(await ImageDecoder.isTypeSupported(file.type))) return 1;
    const decoder = new ImageDecoder({ type: file.type, data: await file.arrayBuffer() });
    await Promise.all([decoder.tracks.ready, decoder.completed]).catch(() => {});
    return decoder.tracks.selectedTrack?.frameCount ?? 1;
  }

  /** A picture's ink, made to fit the paper, where what is transparent has this colour; null where nothing is shown. */
  function inkOn(picture, colour) {
    const sheet = new OffscreenCanvas(SIDE, SIDE).getContext("2d"), scale = SIDE / Math.max(picture.width, picture.height);
    const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
    sheet.imageSmoothingQuality = "high";
    sheet.fillStyle = colour;
    sheet.fillRect(0, 0, width, height);
    sheet.drawImage(picture, 0, 0, width, height);
    const { data } = sheet.getImageData(0, 0, width, height);
    const found = ink.find(Float64Array.from(data.filter((_, i) => i % 4 < 3), (value) => value / 255), height, width);
    const whole = new Uint8Array(SIDE * SIDE), [left, top] = [(SIDE - width) >> 1, (SIDE - height) >> 1];
    found?.forEach((each, i) => (whole[(top + Math.floor(i / width)) * SIDE + left + (i % width)] = each));
    return found && whole;
  }

  buttons.undo.addEventListener("click", own.undo);
  buttons.clear.addEventListener("click", own.clear);
  changed();
  return own;
})();
