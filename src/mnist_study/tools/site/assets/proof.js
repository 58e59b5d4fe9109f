// The proof: logits of images made by a hash, hashed, beside the hash of the reference's logits. docs/site.md has the rule.
"use strict";

const proof = (() => {
  const IMAGES = 16;
  const ascii = (text) => Uint8Array.from(text, (sign) => sign.charCodeAt(0));

  /** Image number `number`, bytes [side * side]. */
  function image(number, side) {
    const pixels = new Uint8Array(side * side);
    for (let block = 0; 32 * block < pixels.length; block++) {
      const bytes = sha256.digest(ascii(`mnist-study proof ${number} ${block}`));
      pixels.set(bytes.subarray(0, pixels.length - 32 * block), 32 * block);
    }
    return number % 2 ? pixels.map((byte) => (byte < 192 ? 0 : byte)) : pixels;
  }

  /** The SHA-256 of a network's logits of all images: float32, little end first, image by image. */
  function hash(network, side) {
    const all = Array.from({ length: IMAGES }, (_, number) => scorer.logits(network, image(number, side), side, side));
    const bytes = new DataView(new ArrayBuffer(all.length * all[0].length * 4));
    all.flatMap((logits) => [...logits]).forEach((logit, i) => bytes.setFloat32(4 * i, logit, true));
    return sha256.hex(sha256.digest(new Uint8Array(bytes.buffer)));
  }

  return { image, hash };
})();

if (typeof document !== "undefined") {
  const table = document.getElementById("proofs"), verdict = document.getElementById("verdict");
  const rows = table ? [...table.tBodies[0].rows] : [];

  async function check(row) {
    const { name, seed, sha256: expected } = row.dataset;
    const own = row.querySelector(".own"), equal = row.querySelector(".equal"), mark = document.createElement("span");
    try {
      const found = proof.hash(await networks.load(name, seed), STUDY.side), code = document.createElement("code");
      code.textContent = `${found.slice(0, 16)}…`;
      code.title = found;
      own.replaceChildren(code);
      mark.className = found === expected ? "yes" : "no";
      mark.textContent = found === expected ? "✓ equal" : "✗ not equal";
    } catch (error) {
      mark.className = "no";
      mark.textContent = error.message;
    }
    equal.replaceChildren(mark);
    const done = rows.filter((each) => each.querySelector(".equal span")), good = done.filter((each) => each.querySelector(".yes"));
    verdict.textContent = `${good.length} of ${done.length} checked are equal to the last bit.`;
  }

  async function checkAll(some) {
    for (const row of some) {
      await check(row);
      await new Promise((resolve) => setTimeout(resolve)); // so that the page stays alive
    }
  }

  table?.addEventListener("click", (event) => event.target.closest("button") && check(event.target.closest("tr")));
  document.getElementById("all")?.addEventListener("click", async (event) => {
    event.target.disabled = true;
    await checkAll(rows);
    event.target.disabled = false;
  });
  const wanted = new URLSearchParams(location.hash.slice(1)).get("network"), own = rows.filter((row) => row.dataset.name === wanted);
  own[0]?.scrollIntoView({ block: "center" });
  checkAll(own.length ? own : rows.slice(0, 1));
}

if (typeof module !== "undefined") module.exports = proof;
