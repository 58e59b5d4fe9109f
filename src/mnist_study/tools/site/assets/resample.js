// Ink made into an image as MNIST has them, by integers alone: tools/predict/resample.py line by line, to the bit.
// A classic script without dependencies; it defines `resample`. All sums stay below 2^53, so float64 holds them exactly.
"use strict";

const resample = (() => {
  const SIDE = 28, BOX = 20, FINE = 8, CELLS = FINE * BOX, MIDDLE = 29;
  const INK = 52, SPECKS = 33, SOLID = 128, HALF = 10, LEAST = 2, LONGEST = 1024;

  /** Ink, bytes [height * width], as an image of bytes [pixels * pixels]; null where no pixel has INK. */
  function asMnist(ink, height, width, pixels = SIDE) {
    const cut = crop(ink, height, width);
    if (!cut) return null;
    const strokes = thicken(fine(cut)), longer = Math.max(strokes.height, strokes.width);
    const cell = 2 * BOX * pixels, pixel = 2 * SIDE * longer;
    const mass = { rows: new Float64Array(strokes.height), columns: new Float64Array(strokes.width), total: 0 };
    for (let i = 0, at = 0; i < strokes.height; i++)
      for (let j = 0; j < strokes.width; j++, at++) {
        mass.rows[i] += strokes.values[at];
        mass.columns[j] += strokes.values[at];
        mass.total += strokes.values[at];
      }
    const [down, across] = [mass.rows, mass.columns].map((masses) => {
      const moment = masses.reduce((sum, each, i) => sum + each * (2 * i + 1), 0);
      const centre = Math.floor((2 * BOX * pixels * moment + mass.total) / (2 * mass.total));
      const start = Math.max(Math.min(centre - MIDDLE * longer * pixels, 0), cell * masses.length - pixel * pixels);
      return overlaps(pixels, pixel, start, masses.length, cell);
    });
    const sums = areas(strokes, down, across), most = Math.max(...sums);
    return Uint8Array.from(sums, (sum) => Math.floor((2 * 255 * sum + most) / (2 * most)));
  }

  /** Whether an image, bytes [pixels * pixels], is wider than high and has an empty column inside, as several digits have. */
  function sideBySide(image, pixels = SIDE) {
    const rows = new Set(), columns = new Set(), span = (places) => Math.max(...places) - Math.min(...places);
    image.forEach((value, at) => {
      if (value < SOLID) return;
      rows.add(Math.floor(at / pixels));
      columns.add(at % pixels);
    });
    return columns.size > 0 && span(columns) > span(rows) && columns.size <= span(columns);
  }

  function crop(given, height, width) {
    const ink = withoutSpecks(given, width);
    let top = height, bottom = -1, left = width, right = -1;
    for (let i = 0, at = 0; i < height; i++)
      for (let j = 0; j < width; j++, at++)
        if (ink[at] >= INK) {
          top = Math.min(top, i), bottom = i;
          left = Math.min(left, j), right = Math.max(right, j);
        }
    if (bottom < 0) return null;
    const cut = { height: bottom - top + 1, width: right - left + 1 };
    if (Math.max(cut.height, cut.width) > LONGEST) throw new RangeError(`at most ${LONGEST} pixels are allowed`);
    cut.values = new Float64Array(cut.height * cut.width);
    for (let i = 0; i < cut.height; i++)
      for (let j = 0; j < cut.width; j++) cut.values[i * cut.width + j] = ink[(top + i) * width + left + j];
    return cut;
  }

  /** Drops parts of which the largest has more than SPECKS times the ink; what is fainter than INK stays. */
  function withoutSpecks(ink, width) {
    const part = new Int32Array(ink.length), sizes = [0], open = []; // the number of each pixel's part, 0 for none
    for (let start = 0; start < ink.length; start++) {
      if (part[start] || ink[start] < INK) continue;
      part[start] = sizes.length;
      sizes.push(0);
      open.push(start);
      while (open.length) {
        const at = open.pop(), column = at % width;
        sizes[part[at]] += ink[at];
        for (const row of [at - width, at, at + width])
          for (let near = column ? row - 1 : row; near <= (column < width - 1 ? row + 1 : row); near++)
            if (ink[near] >= INK && !part[near]) {
              part[near] = part[at];
              open.push(near);
            }
      }
    }
    const most = sizes.reduce((one, other) => Math.max(one, other));
    return ink.map((value, at) => (part[at] && SPECKS * sizes[part[at]] < most ? 0 : value));
  }

  function fine(ink) {
    const longer = Math.max(ink.height, ink.width), whole = longer * longer;
    const [down, across] = [ink.height, ink.width].map((side) => overlaps(Math.ceil((CELLS * side) / longer), longer, 0, side, CELLS));
    const values = areas(ink, down, across).map((sum) => Math.floor((2 * sum + whole) / (2 * whole)));
    return { values, height: down.length, width: across.length };
  }

  /** For each of `count` intervals of length `size` from `start`: those of length `other` from 0 that it meets. */
  function overlaps(count, size, start, others, other) {
    return Array.from({ length: count }, (_, i) => {
      const begin = start + size * i, met = [];
      for (let k = Math.max(0, Math.floor(begin / other)); k < others && k * other < begin + size; k++) {
        const length = Math.min(begin + size, (k + 1) * other) - Math.max(begin, k * other);
        if (length > 0) met.push([k, length]);
      }
      return met;
    });
  }

  /** Sums over areas: rows first, then columns. */
  function areas({ values, width }, down, across) {
    const sums = new Float64Array(down.length * across.length), row = new Float64Array(width);
    down.forEach((rows, i) => {
      row.fill(0);
      for (const [k, length] of rows) for (let j = 0; j < width; j++) row[j] += length * values[k * width + j];
      across.forEach((columns, j) => {
        let sum = 0;
        for (const [k, length] of columns) sum += length * row[k];
        sums[i * across.length + j] = sum;
      });
    });
    return sums;
  }

  function thicken(strokes) {
    const solid = strokes.values.map((value) => (value >= SOLID ? 1 : 0));
    if (!solid.includes(1)) return strokes;
    const outside = padded({ ...strokes, values: solid.map((inside) => 1 - inside) }, 1, 1);
    const missing = HALF - Math.floor(Math.sqrt(Math.max(...squaredDistances(outside))));
    if (missing < LEAST) return strokes;
    const near = squaredDistances(padded({ ...strokes, values: solid }, missing, 0)), wide = padded(strokes, missing, 0);
    return { ...wide, values: wide.values.map((value, at) => (near[at] <= missing * missing ? 255 : value)) };
  }

  function padded({ values, height, width }, rim, filling) {
    const wide = { height: height + 2 * rim, width: width + 2 * rim };
    wide.values = new Float64Array(wide.height * wide.width).fill(filling);
    for (let i = 0; i < height; i++) wide.values.set(values.subarray(i * width, (i + 1) * width), (i + rim) * wide.width + rim);
    return wide;
  }

  /** Each cell's squared distance to the nearest marked one: down and up each column, then along each row. */
  function squaredDistances({ values, height, width }) {
    const vertical = Int32Array.from(values, (marked) => (marked ? 0 : height + width)), found = new Int32Array(values.length);
    for (let at = width; at < vertical.length; at++) vertical[at] = Math.min(vertical[at], vertical[at - width] + 1);
    for (let at = vertical.length - width - 1; at >= 0; at--) vertical[at] = Math.min(vertical[at], vertical[at + width] + 1);
    for (let row = 0; row < vertical.length; row += width)
      for (let j = 0; j < width; j++) {
        let least = vertical[row + j] ** 2;
        for (let off = 1; off * off < least && off < width; off++) {
          if (j >= off) least = Math.min(least, vertical[row + j - off] ** 2 + off * off);
          if (j + off < width) least = Math.min(least, vertical[row + j + off] ** 2 + off * off);
        }
        found[row + j] = least;
      }
    return found;
  }

  return { asMnist, sideBySide, areas, overlaps };
})();

if (typeof module !== "undefined") module.exports = resample;
