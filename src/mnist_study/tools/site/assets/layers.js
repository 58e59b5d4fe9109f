// What each layer of a network sees: for each cell a picture of the channels that it hands on. It defines `layers`.
"use strict";

const layers = (() => {
  const place = document.getElementById("layers");
  let shown = null;

  /** A canvas for each cell of a network that has just answered; none without one. */
  function draw(network) {
    shown = network;
    place.hidden = !network;
    const cells = network ? scorer.seen(network) : [];
    while (place.children.length > cells.length) place.lastChild.remove();
    cells.forEach((cell, number) => {
      if (!place.children[number]) {
        const made = document.createElement("div"), canvas = document.createElement("canvas");
        made.className = "layer";
        canvas.setAttribute("role", "img");
        made.append(document.createElement("p"), canvas);
        place.append(made);
      }
      const [words, canvas] = place.children[number].children;
      words.textContent = `Cell ${number + 1}: ${cell.channels} channels of ${cell.rows} × ${cell.columns}`;
      canvas.setAttribute("aria-label", words.textContent);
      tile(canvas, cell);
    });
  }

  /** The channels beside one another. */
  function tile(canvas, { values, channels, rows, columns }) {
    const zoom = Math.max(1, Math.round(48 / columns)), across = Math.max(1, Math.min(channels, Math.floor((place.clientWidth + 2) / (zoom * columns + 2))));
    const width = across * (columns + 1) - 1, height = Math.ceil(channels / across) * (rows + 1) - 1;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.style.width = `${width * zoom}px`;
    const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
    let low = Infinity, high = -Infinity;
    for (const value of values) low = Math.min(low, value), high = Math.max(high, value);
    for (let c = 0, from = 0; c < channels; c++)
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++, from++) {
          const at = 4 * ((Math.floor(c / across) * (rows + 1) + i) * width + (c % across) * (columns + 1) + j), grey = (255 * (values[from] - low)) / (high - low || 1);
          picture.data[at] = picture.data[at + 1] = picture.data[at + 2] = grey;
          picture.data[at + 3] = 255;
        }
    context.putImageData(picture, 0, 0);
  }

  addEventListener("resize", () => draw(shown));
  return { draw };
})();
