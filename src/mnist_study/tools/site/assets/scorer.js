// Logits of a trained network, bit for bit those of the machine that trained it: docs/arithmetic.md in JavaScript.
// A classic script without dependencies; it defines `scorer`. JavaScript's numbers are float64, so sums of integers
// below 2^53 are exact; Math.fround rounds to float32 after each operation that is one of float32. Sums of products run
// in 32 bits, over as many channels as their bound allows, and go on in float64.
"use strict";

const scorer = (() => {
  const VALUE = 14, WEIGHT = 12, STORED = 16; // bits, with their sign
  const SMALLEST = -60, SMALLEST_OF_WEIGHTS = -40, LARGEST = 60; // exponents
  const LARGEST_VALUE = 2 ** (VALUE - 1) - 1;
  const WHITE = 255 * 128;
  const LN2_HIGH = 0.69314718036912381649, LN2_LOW = 1.90821492927058770002e-10;
  const f32 = Math.fround;
  const bytes = new DataView(new ArrayBuffer(8));

  /** 2^exponent, exactly; for normal numbers. */
  function power(exponent) {
    bytes.setUint32(0, (exponent + 1023) << 20);
    bytes.setUint32(4, 0);
    return bytes.getFloat64(0);
  }

  /** The least e with largest < 2^e, within limits. */
  function exponentOf(largest, smallest) {
    if (!(largest > 0)) return smallest;
    if (largest === Infinity) return LARGEST;
    bytes.setFloat64(0, largest);
    const exponent = ((bytes.getUint16(0) >> 4) & 2047) - 1022;
    return Math.min(LARGEST, Math.max(smallest, exponent));
  }

  /** The nearest integer, ties to even, for magnitudes below 2^51. */
  function round(x) {
    return x + 6755399441055744 - 6755399441055744; // 1.5 * 2^52: what is added has no bits behind the point
  }

  /** Integers of so many bits with one exponent, and what 1 stands for. */
  function quantised(numbers, bits, exponent) {
    const scale = power(bits - 1 - exponent), limit = power(bits - 1) - 1;
    const q = new Float64Array(numbers.length);
    for (let i = 0; i < q.length; i++) q[i] = round(Math.max(-limit, Math.min(limit, numbers[i] * scale)));
    return { q, unit: power(exponent - bits + 1) };
  }

  function largestOf(numbers) {
    let largest = 0;
    for (const number of numbers) largest = Math.max(largest, Math.abs(number));
    return largest;
  }

  function quantisedWeights(filter) {
    return quantised(filter, WEIGHT, exponentOf(largestOf(filter), SMALLEST_OF_WEIGHTS));
  }

  /** Rounds float32 numbers of one channel as they are kept between layers. */
  function stored(numbers) {
    return quantised(numbers, STORED, exponentOf(largestOf(numbers), SMALLEST));
  }

  /** A tensor's float32 numbers, from base64 of little-endian bytes. */
  function floats(text) {
    const raw = atob(text);
    const view = new DataView(new ArrayBuffer(raw.length));
    for (let i = 0; i < raw.length; i++) view.setUint8(i, raw.charCodeAt(i));
    return Float32Array.from({ length: raw.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  }

  /** What does not depend on the image: weights as integers, norms as float32 coefficients. */
  function prepare(network) {
    const cells = [];
    for (const cell of network.cells) {
      const [outputs, inputs, side] = cell.shape, { padding, firstRelu, lastRelu, pool } = cell;
      const again = typeof cell.weight === "number" ? cells[cell.weight].filters : null; // the cell's convolution is an earlier one
      const filters = again ?? filtersOf(floats(cell.weight), outputs, inputs, side * side);
      const bias = cell.bias && floats(cell.bias), norm = cell.norm && affine(cell.norm);
      cells.push({ outputs, inputs, side, padding, firstRelu, lastRelu, pool, filters, bias, norm, room: null });
    }
    const head = network.head && linear(network.head);
    const scale = f32(1 / (WHITE * network.sd)), shift = f32(-network.mean / network.sd);
    return { cells, head, scale, shift, largest: Math.max(Math.abs(shift), Math.abs(f32(f32(WHITE * scale) + shift))) };
  }

  /** Each output channel's weights, their unit, and the runs of input channels whose sums stay below 2^31. */
  function filtersOf(weight, outputs, inputs, taps) {
    return Array.from({ length: outputs }, (_, o) => {
      const { q, unit } = quantisedWeights(weight.subarray(o * inputs * taps, (o + 1) * inputs * taps));
      const runs = [];
      for (let c = 0; c < inputs; c++) {
        const bound = LARGEST_VALUE * q.subarray(c * taps, (c + 1) * taps).reduce((sum, each) => sum + Math.abs(each), 0);
        const run = runs.at(-1);
        if (run && run.bound + bound < 2 ** 31) Object.assign(run, { to: c + 1, bound: run.bound + bound });
        else runs.push({ from: c, to: c + 1, bound });
      }
      return { q: Int32Array.from(q), unit, runs };
    });
  }

  /** Running statistics, weight and bias of a norm as one multiplication and one addition for each channel. */
  function affine(norm) {
    const [gamma, beta, mean, variance] = [norm.weight, norm.bias, norm.mean, norm.variance].map(floats);
    return Array.from(gamma, (weight, c) => {
      const scale = weight * (1 / Math.sqrt(variance[c] + 1e-5));
      return { scale: f32(scale), shift: f32(beta[c] - mean[c] * scale) };
    });
  }

  function linear(head) {
    const [classes, inputs] = head.shape, weight = floats(head.weight), bias = floats(head.bias);
    const rows = Array.from({ length: classes }, (_, k) => quantisedWeights(weight.subarray(k * inputs, (k + 1) * inputs)));
    return { rows, bias };
  }

  /** A cell's arrays for images of this size, made once: what it multiplies with a rim of zeros, sums, and its result. */
  function roomOf(cell, height, width) {
    const room = cell.room;
    if (room && room.height === height && room.width === width) return room;
    const rim = 2 * cell.padding, high = height + rim - cell.side + 1, wide = width + rim - cell.side + 1;
    const [rows, columns] = cell.pool ? [high >> 1, wide >> 1] : [high, wide];
    const made = { height, width, high, wide, rows, columns, stride: width + rim, plane: (height + rim) * (width + rim) };
    made.q = new Int32Array(cell.inputs * made.plane);
    made.part = new Int32Array(high * wide);
    made.sums = new Float64Array(high * wide);
    made.numbers = new Float32Array(high * wide);
    made.values = new Float32Array(cell.outputs * rows * columns);
    return (cell.room = made);
  }

  /** Rounds what a cell takes to integers, into the middle of its array; gives what 1 stands for. */
  function take(cell, room, values, largest) {
    const exponent = exponentOf(largest, SMALLEST), scale = power(VALUE - 1 - exponent), { q, height, width, stride } = room;
    for (let c = 0, from = 0; c < cell.inputs; c++)
      for (let i = 0; i < height; i++) {
        const to = c * room.plane + (i + cell.padding) * stride + cell.padding;
        for (let j = 0; j < width; j++, from++)
          q[to + j] = round(Math.max(-LARGEST_VALUE, Math.min(LARGEST_VALUE, values[from] * scale)));
      }
    return power(exponent - VALUE + 1);
  }

  /** Adds one input channel's products with a filter of 3 x 3, in 32 bits; a pixel is read once for three places. */
  function addThree(sums, filter, f, q, from, room) {
    const { high, wide, stride } = room;
    const a = filter[f], b = filter[f + 1], c = filter[f + 2], d = filter[f + 3], e = filter[f + 4];
    const g = filter[f + 5], h = filter[f + 6], k = filter[f + 7], l = filter[f + 8];
    for (let i = 0, at = 0; i < high; i++) {
      let upper = from + i * stride, middle = upper + stride, lower = middle + stride;
      let u = q[upper++], v = q[upper++], m = q[middle++], n = q[middle++], x = q[lower++], y = q[lower++];
      for (let j = 0; j < wide; j++, at++) {
        const w = q[upper++], o = q[middle++], z = q[lower++];
        sums[at] = (sums[at] + Math.imul(a, u) + Math.imul(b, v) + Math.imul(c, w) + Math.imul(d, m) + Math.imul(e, n)
          + Math.imul(g, o) + Math.imul(h, x) + Math.imul(k, y) + Math.imul(l, z)) | 0;
        u = v, v = w, m = n, n = o, x = y, y = z;
      }
    }
  }

  /** The same for a filter of any size, in whatever kind of numbers `sums` holds. */
  function addAny(sums, filter, f, q, from, room, side) {
    const { high, wide, stride } = room;
    for (let k = 0, tap = f; k < side; k++)
      for (let l = 0; l < side; l++, tap++)
        for (let i = 0, at = 0; i < high; i++) {
          const row = from + (i + k) * stride + l;
          for (let j = 0; j < wide; j++, at++) sums[at] += filter[tap] * q[row + j];
        }
  }

  /** One channel of a convolution into room.numbers: the exact sum, rounded once, in its units, plus the bias. */
  function convolve(cell, o, room, unit) {
    const { side } = cell, { q: filter, unit: filterUnit, runs } = cell.filters[o], taps = side * side;
    const { q, part, sums, numbers, plane } = room;
    if (runs.length > 1) sums.fill(0);
    let exact = sums;
    for (const { from, to, bound } of runs) {
      if (bound >= 2 ** 31) { // more than 128 taps
        addAny(sums, filter, from * taps, q, from * plane, room, side);
        continue;
      }
      part.fill(0);
      for (let c = from; c < to; c++)
        if (side === 3) addThree(part, filter, c * taps, q, c * plane, room);
        else addAny(part, filter, c * taps, q, c * plane, room, side);
      if (runs.length === 1) exact = part;
      else for (let i = 0; i < part.length; i++) sums[i] += part[i];
    }
    const both = f32(unit * filterUnit), bias = cell.bias ? cell.bias[o] : 0;
    for (let i = 0; i < exact.length; i++) {
      let u = f32(f32(exact[i]) * both);
      if (cell.bias) u = f32(u + bias);
      numbers[i] = cell.firstRelu ? Math.max(0, u) : u;
    }
  }

  /** What follows the convolution, for one channel, in place: stored, normed, cut off at zero. Gives the largest. */
  function chain(cell, o, numbers) {
    const exponent = exponentOf(largestOf(numbers), SMALLEST), limit = 2 ** (STORED - 1) - 1;
    const into = power(STORED - 1 - exponent), unit = power(exponent - STORED + 1);
    const scale = cell.norm ? cell.norm[o].scale : 1, shift = cell.norm ? cell.norm[o].shift : 0;
    let largest = 0;
    for (let i = 0; i < numbers.length; i++) {
      let y = f32(round(Math.max(-limit, Math.min(limit, numbers[i] * into))) * unit);
      if (cell.norm) y = f32(f32(y * scale) + shift);
      if (cell.lastRelu) y = Math.max(0, y);
      largest = Math.max(largest, Math.abs(y));
      numbers[i] = y;
    }
    return largest;
  }

  /** Hands one channel on: whole, or the largest of each 2 x 2; an odd last row or column is left out. */
  function give(cell, o, room) {
    const { numbers, values, rows, columns, wide } = room;
    if (!cell.pool) return values.set(numbers, o * rows * columns);
    for (let i = 0, to = o * rows * columns; i < rows; i++)
      for (let j = 0, at = 2 * i * wide; j < columns; j++, at += 2, to++)
        values[to] = Math.max(Math.max(numbers[at], numbers[at + 1]), Math.max(numbers[at + wide], numbers[at + wide + 1]));
  }

  /** The average over the image of one channel, as integers. */
  function average(numbers) {
    const { q, unit } = stored(numbers);
    return f32((q.reduce((sum, integer) => sum + integer, 0) * unit) / numbers.length);
  }

  /** Logits, Float32Array [classes], of an image of bytes, row by row; `network` comes from `prepare`. */
  function logits(network, image, height, width) {
    let values = Float32Array.from(image, (byte) => f32(f32(byte * 128 * network.scale) + network.shift));
    let largest = network.largest;
    for (const cell of network.cells) {
      const room = roomOf(cell, height, width), unit = take(cell, room, values, largest);
      largest = 0;
      for (let o = 0; o < cell.outputs; o++) {
        convolve(cell, o, room, unit);
        largest = Math.max(largest, chain(cell, o, room.numbers));
        give(cell, o, room);
      }
      ({ values, rows: height, columns: width } = room);
    }
    const size = height * width, channels = Array.from({ length: values.length / size }, (_, c) => values.subarray(c * size, (c + 1) * size));
    const averages = Float32Array.from(channels, average);
    if (!network.head) return averages.map((number) => number + 0);
    const { q, unit } = quantised(averages, VALUE, exponentOf(largestOf(averages), SMALLEST));
    return Float32Array.from(network.head.rows, (row, k) => {
      const sum = row.q.reduce((total, weight, c) => total + weight * q[c], 0);
      return f32(f32(f32(sum) * f32(unit * row.unit)) + network.head.bias[k]) + 0;
    });
  }

  /** What each cell handed on for the last image: float32 values, by channel, row and column; valid until the next. */
  function seen(network) {
    return network.cells.map(({ outputs, room }) => ({ values: room.values, channels: outputs, rows: room.rows, columns: room.columns }));
  }

  /** e^x for x from -700 to 0, by basic operations alone. */
  function exp(x) {
    const k = round(x * 1.4426950408889634), r = x - k * LN2_HIGH - k * LN2_LOW;
    const coefficients = [1];
    for (let n = 1, factorial = 1; n < 14; n++) coefficients.push(1 / (factorial *= n));
    return coefficients.reduceRight((sum, coefficient) => sum * r + coefficient) * power(k);
  }

  /** The probability of each class, as float64. */
  function probabilities(logits) {
    const top = Math.max(...logits);
    const powers = Array.from(logits, (logit) => round(exp(Math.max(logit - top, -700)) * power(40)));
    const total = powers.reduce((sum, number) => sum + number, 0);
    return powers.map((number) => number / total);
  }

  return { prepare, logits, probabilities, seen };
})();

if (typeof module !== "undefined") module.exports = scorer;
