// SHA-256 (FIPS 180-4) of bytes, since browsers give theirs to secure pages only. It defines `sha256`.
"use strict";

const sha256 = (() => {
  const primes = [];
  for (let number = 2; primes.length < 64; number++) if (primes.every((prime) => number % prime)) primes.push(number);
  const fraction = (x) => ((x - Math.floor(x)) * 2 ** 32) | 0;
  const ROUND = primes.map((prime) => fraction(Math.cbrt(prime))), START = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
  const turned = (x, bits) => (x >>> bits) | (x << (32 - bits));

  /** The digest of a Uint8Array: 32 bytes. */
  function digest(message) {
    const padded = new DataView(new ArrayBuffer((((message.length + 8) >> 6) + 1) * 64));
    new Uint8Array(padded.buffer).set(message);
    padded.setUint8(message.length, 0x80);
    padded.setUint32(padded.byteLength - 8, Math.floor(message.length / 2 ** 29));
    padded.setUint32(padded.byteLength - 4, message.length << 3);
    const state = Int32Array.from(START), w = new Int32Array(64);
    for (let at = 0; at < padded.byteLength; at += 64) {
      for (let i = 0; i < 16; i++) w[i] = padded.getInt32(at + 4 * i);
      for (let i = 16; i < 64; i++) {
        const early = turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ (w[i - 15] >>> 3);
        const late = turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ (w[i - 2] >>> 10);
        w[i] = w[i - 16] + early + w[i - 7] + late;
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let i = 0; i < 64; i++) {
        const choice = (e & f) ^ (~e & g), majority = (a & b) ^ (a & c) ^ (b & c);
        const first = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + choice + ROUND[i] + w[i]) | 0;
        const second = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + majority) | 0;
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
      }
      [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] += word));
    }
    const bytes = new DataView(new ArrayBuffer(32));
    state.forEach((word, i) => bytes.setInt32(4 * i, word));
    return new Uint8Array(bytes.buffer);
  }

  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { digest, hex };
})();

if (typeof module !== "undefined") module.exports = sha256;
