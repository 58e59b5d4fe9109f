// Logits of a trained network, bit for bit those of the machine that trained it: docs/arithmetic.md in JavaScript.
// A classic script without dependencies; it defines `scorer`. JavaScript's numbers are float64, so sums of integers
// below 2^53 are exact; Math.fround rounds to float32 after each operation that is one of float32.
"use strict";

const scorer = (() => {
  const VALUE = 14, WEIGHT = 12, STORED = 16; // bits, with their sign
  const SMALLEST = -60, SMALLEST_OF_WEIGHTS = -40, LARGEST = 60; // exponents
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
    const cells = network.cells.map((cell) => {
      const [outputs, inputs, side] = cell.shape;
      const weight = floats(cell.weight), size = inputs * side * side;
      const filters = Array.from({ length: outputs }, (_, o) => quantisedWeights(weight.subarray(o * size, (o + 1) * size)));
      return { ...cell, outputs, inputs, side, filters, bias: cell.bias && floats(cell.bias), norm: cell.norm && affine(cell.norm) };
    });
    const head = network.head && linear(network.head);
    const scale = f32(1 / (WHITE * network.sd)), shift = f32(-network.mean / network.sd);
    return { cells, head, scale, shift, largest: Math.max(Math.abs(shift), Math.abs(f32(f32(WHITE * scale) + shift))) };
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

  /** One channel of a convolution, float32: the exact sum, rounded once, in its units, plus the bias. */
  function convolve(cell, o, q, unit, height, width) {
    const { side, inputs, padding } = cell, { q: filter, unit: filterUnit } = cell.filters[o];
    const high = height + 2 * padding - side + 1, wide = width + 2 * padding - side + 1;
    const sums = new Float64Array(high * wide);
    for (let c = 0, tap = 0; c < inputs; c++)
      for (let k = 0; k < side; k++)
        for (let l = 0; l < side; l++, tap++) {
          const from = Math.max(0, padding - l), to = Math.min(wide, width + padding - l);
          for (let i = Math.max(0, padding - k); i < Math.min(high, height + padding - k); i++) {
            const row = (c * height + i + k - padding) * width + l - padding;
            for (let j = from; j < to; j++) sums[i * wide + j] += filter[tap] * q[row + j];
          }
        }
    const both = f32(unit * filterUnit), numbers = new Float32Array(sums.length);
    for (let i = 0; i < sums.length; i++) {
      const u = f32(f32(sums[i]) * both);
      numbers[i] = cell.bias ? f32(u + cell.bias[o]) : u;
      if (cell.firstRelu) numbers[i] = Math.max(0, numbers[i]);
    }
    return { numbers, high, wide };
  }

  /** What follows the convolution, for one channel: stored, normed, cut off at zero. */
  function chain(cell, o, numbers) {
    const { q, unit } = stored(numbers);
    return Float32Array.from(q, (integer) => {
      let y = f32(integer * unit);
      if (cell.norm) y = f32(f32(y * cell.norm[o].scale) + cell.norm[o].shift);
      return cell.lastRelu ? Math.max(0, y) : y;
    });
  }

  /** The largest of each 2 x 2; an odd last row or column is left out. */
  function pool(numbers, high, wide) {
    const rows = high >> 1, columns = wide >> 1, pooled = new Float32Array(rows * columns);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) {
        const at = 2 * i * wide + 2 * j;
        pooled[i * columns + j] = Math.max(numbers[at], numbers[at + 1], numbers[at + wide], numbers[at + wide + 1]);
      }
    return pooled;
  }

  /** The average over the image of one channel, as integers. */
  function average(numbers) {
    const { q, unit } = stored(numbers);
    return f32((q.reduce((sum, integer) => sum + integer, 0) * unit) / numbers.length);
  }

  /** Logits, Float32Array [classes], of an image of bytes, row by row; `network` comes from `prepare`. */
  function logits(network, image, height, width) {
    let channels = [Float32Array.from(image, (byte) => f32(f32(byte * 128 * network.scale) + network.shift))];
    let largest = network.largest;
    for (const cell of network.cells) {
      const size = height * width, all = new Float32Array(size * channels.length);
      channels.forEach((numbers, c) => all.set(numbers, c * size));
      const { q, unit } = quantised(all, VALUE, exponentOf(largest, SMALLEST));
      let high = 0, wide = 0;
      largest = 0;
      channels = cell.filters.map((_, o) => {
        const sums = convolve(cell, o, q, unit, height, width);
        ({ high, wide } = sums);
        const values = chain(cell, o, sums.numbers);
        largest = Math.max(largest, largestOf(values));
        return cell.pool ? pool(values, high, wide) : values;
      });
      [height, width] = cell.pool ? [high >> 1, wide >> 1] : [high, wide];
    }
    const averages = Float32Array.from(channels, average);
    if (!network.head) return averages.map((number) => number + 0);
    const { q, unit } = quantised(averages, VALUE, exponentOf(largestOf(averages), SMALLEST));
    return Float32Array.from(network.head.rows, (row, k) => {
      const sum = row.q.reduce((total, weight, c) => total + weight * q[c], 0);
      return f32(f32(f32(sum) * f32(unit * row.unit)) + network.head.bias[k]) + 0;
    });
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

  return { prepare, logits, probabilities };
})();

if (typeof module !== "undefined") module.exports = scorer;
