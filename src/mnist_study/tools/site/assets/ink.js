// A picture's ink, found as tools/predict/picture.py finds it; in floating point, so a pixel may be another by a little.
// A classic script that needs resample.js; it defines `ink`.
"use strict";

const ink = (() => {
  const FAINTEST = 0.06, ROUNDS = 4, INK = 52, SPOILT = 0.03, CLEANER = 20, SMALL = 96, REACH = 15; // as picture.py has them
  const CHANNELS = [0, 1, 2];

  /** Colours, [height * width * 3] from 0 to 1, as ink, bytes [height * width]; null where nothing is shown. */
  function find(colours, height, width) {
    const deep = Math.max(1, Math.floor(Math.min(width, height) / 20)), rim = [];
    for (let i = 0, at = 0; i < height; i++)
      for (let j = 0; j < width; j++, at++) if (Math.min(i, j, height - 1 - i, width - 1 - j) < deep) rim.push(at);
    const share = (found) => rim.filter((at) => found[at] >= INK).length / rim.length;
    const flat = differs(colours, plane(colours, rim, height, width), rim);
    if (flat && share(flat) <= SPOILT) return flat;
    const other = differs(colours, surroundings(colours, height, width), rim); // a shadow may lie on the rim
    return !flat || (other && CLEANER * share(other) < share(flat)) ? other : flat;
  }

  function differs(colours, paper, rim) {
    const away = colours.map((value, i) => value - paper[i]), direction = [0, 0, 0];
    for (let i = 0; i < away.length; i += 3) {
      const far = Math.hypot(away[i], away[i + 1], away[i + 2]);
      for (const c of CHANNELS) direction[c] += far * away[i + c];
    }
    const length = Math.max(Math.hypot(...direction), 1e-12) * Math.sqrt(3);
    const contrast = Float64Array.from({ length: away.length / 3 }, (_, i) => CHANNELS.reduce((sum, c) => sum + away[3 * i + c] * direction[c], 0) / length);
    const most = contrast.reduce((one, other) => Math.max(one, other));
    if (most < FAINTEST) return null;
    const full = median(contrast.filter((each) => each > most / 2));
    const floor = Math.min(3 * 1.4826 * median(rim.map((at) => Math.abs(contrast[at]))), full / 2);
    return Uint8Array.from(contrast, (each) => Math.round(255 * Math.max(0, Math.min(1, (each - floor) / (full - floor)))));
  }

  /** A plane fitted to the rim's colours, less what lies far from it. */
  function plane(colours, rim, height, width) {
    const terms = (at) => [1, (2 * Math.floor(at / width)) / Math.max(1, height - 1) - 1, (2 * (at % width)) / Math.max(1, width - 1) - 1];
    let fitted = CHANNELS.map((c) => [median(rim.map((at) => colours[3 * at + c])), 0, 0]);
    const value = (at, c, [one, down, across] = terms(at)) => fitted[c][0] * one + fitted[c][1] * down + fitted[c][2] * across;
    for (let round = 0; round < ROUNDS; round++) {
      const away = rim.map((at) => Math.hypot(...CHANNELS.map((c) => colours[3 * at + c] - value(at, c))));
      const most = Math.max(3 * median(away), FAINTEST), paper = rim.filter((_, i) => away[i] <= most).map((at) => [at, terms(at)]);
      const sum = (each) => paper.reduce((all, [at, own]) => all + each(at, own), 0);
      const products = CHANNELS.map((i) => CHANNELS.map((k) => sum((_, own) => own[i] * own[k]) + (i === k ? 1e-9 : 0)));
      fitted = CHANNELS.map((c) => solve(products, CHANNELS.map((i) => sum((at, own) => own[i] * colours[3 * at + c]))));
    }
    return colours.map((_, i) => value(Math.floor(i / 3), i % 3));
  }

  /** Three equations by Cramer's rule. */
  function solve(rows, right) {
    const det = ([a, b, c]) => a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
    return CHANNELS.map((i) => det(rows.map((row, k) => row.map((each, j) => (j === i ? right[k] : each)))) / det(rows));
  }

  /** The median of the colours around each place, found in a small copy. */
  function surroundings(colours, height, width) {
    const [down, across] = [height, width].map((side) => resample.overlaps(SMALL, side, 0, side, SMALL)), paper = new Float64Array(colours.length);
    for (const c of CHANNELS) {
      const values = Float64Array.from({ length: height * width }, (_, i) => colours[3 * i + c]);
      const small = medians(Uint8Array.from(resample.areas({ values, width }, down, across), (sum) => Math.round((255 * sum) / (height * width))));
      for (let i = 0; i < height * width; i++) paper[3 * i + c] = between(small, ((Math.floor(i / width) + 0.5) * SMALL) / height - 0.5, ((i % width + 0.5) * SMALL) / width - 0.5) / 255;
    }
    return paper;
  }

  const inside = (at) => Math.max(0, Math.min(SMALL - 1, at));

  function between(small, y, x) {
    const [i, j] = [Math.floor(y), Math.floor(x)], at = (row, column) => small[inside(row) * SMALL + inside(column)];
    return (1 - y + i) * ((1 - x + j) * at(i, j) + (x - j) * at(i, j + 1)) + (y - i) * ((1 - x + j) * at(i + 1, j) + (x - j) * at(i + 1, j + 1));
  }

  /** The median in the square around each byte [SMALL * SMALL]; the rim's bytes go on outside. */
  function medians(bytes) {
    let counts; // of each value in the square, which moves along a row
    return bytes.map((_, at) => {
      const i = Math.floor(at / SMALL), j = at % SMALL;
      const column = (k, change) => { for (let row = i - REACH; row <= i + REACH; row++) counts[bytes[inside(row) * SMALL + inside(k)]] += change; };
      if (!j) counts = new Int32Array(256);
      for (let k = j ? j + REACH : -REACH; k <= j + REACH; k++) column(k, 1);
      if (j) column(j - REACH - 1, -1);
      let left = ((2 * REACH + 1) ** 2) >> 1, value = 0;
      while ((left -= counts[value]) >= 0) value++;
      return value;
    });
  }

  function median(values) {
    const sorted = Float64Array.from(values).sort(), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }

  return { find };
})();

if (typeof module !== "undefined") module.exports = ink;
