// Put at the head of a page: at the end what it found stands in the element `probe`, as JSON.
const errors = [];
const findings = {};
addEventListener("error", (event) => errors.push(event.message || event.target.src), true);
addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
for (const level of ["error", "warn"]) {
  console[level] = (...words) => {
    const text = words.join(" ");
    // "The input spec uses Vega-Lite v5, but the current version of Vega-Lite is v5.2.0": so it should be
    if (!/^The (input|compiled) spec uses Vega/.test(text)) errors.push(text);
  };
}

// How many marks of each kind show data in an SVG; axes, legends and titles are guides and do not count.
function marks(svg) {
  const counts = {};
  for (const group of svg.querySelectorAll("g[class*='role-mark']")) {
    const kind = group.getAttribute("class").match(/mark-(\w+)/)[1];
    const drawn = [...group.children].filter((mark) => mark.getBoundingClientRect().height || mark.getBoundingClientRect().width);
    counts[kind] = (counts[kind] || 0) + drawn.length;
  }
  return counts;
}

function plot(place) {
  const svg = place.querySelector("svg");
  if (!svg) return { id: place.id, marks: {}, texts: [], cut: [] };
  const edge = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent);
  const cut = texts.filter((text) => {
    const box = text.getBoundingClientRect();
    return text.textContent.includes("…") || box.left < edge.left - 1 || box.right > edge.right + 1 || box.bottom > edge.bottom + 1;
  });
  return { id: place.id, marks: marks(svg), texts: texts.map((text) => text.textContent), cut: cut.map((text) => text.textContent) };
}

function type(words) {
  const input = document.querySelector("input[type=text]");
  if (!input) return;
  input.value = words;
  input.dispatchEvent(new Event("input"));
}

addEventListener("load", () => setTimeout(() => {
  findings.plots = [...document.querySelectorAll(".vega-embed")].map(plot);
  findings.images = [...document.images].map((image) => ({ src: image.src, width: image.naturalWidth, shown: image.width }));
  findings.scripts = [...document.scripts].map((script) => script.src).filter(Boolean);
  findings.note = document.getElementById("note").innerText.trim();
  findings.size = [document.documentElement.scrollWidth, document.documentElement.scrollHeight];
  findings.errors = [...errors]; // Vega warns of the empty plot that follows, and rightly
  type("no variant is called so");
  setTimeout(() => type("one_pool rotate"), 1000);
  setTimeout(() => {
    findings.filtered = [...document.querySelectorAll(".vega-embed")].slice(0, 1).map(plot);
    const pre = document.createElement("pre");
    pre.id = "probe";
    pre.textContent = JSON.stringify(findings);
    document.body.append(pre);
  }, 2000);
}, 3000));
