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
    const drawn = [...group.children].filter((mark) =>
      (mark.getBoundingClientRect().height || mark.getBoundingClientRect().width) && mark.getAttribute("opacity") !== "0");
    counts[kind] = (counts[kind] || 0) + drawn.length;
  }
  return counts;
}

// Labels of an axis that lie over one another.
function crowded(svg) {
  const labels = [...svg.querySelectorAll(".role-axis-label text")].filter((text) => text.getAttribute("opacity") !== "0");
  const boxes = labels.map((text) => text.getBoundingClientRect());
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
  return labels.filter((_, i) => boxes.some((box, k) => k !== i && meet(boxes[i], box))).map((text) => text.textContent);
}

function plot(place) {
  const svg = place.querySelector("svg");
  if (!svg) return { id: place.id, marks: {}, texts: [], cut: [], crowded: [] };
  const edge = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent);
  const cut = texts.filter((text) => {
    const box = text.getBoundingClientRect();
    return text.textContent.includes("…") || box.left < edge.left - 1 || box.right > edge.right + 1 || box.bottom > edge.bottom + 1;
  });
  return { id: place.id, marks: marks(svg), texts: texts.map((text) => text.textContent), cut: cut.map((text) => text.textContent), crowded: crowded(svg) };
}

function type(words) {
  const input = document.querySelector("input[type=text]");
  if (!input) return;
  input.value = words;
  input.dispatchEvent(new Event("input"));
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const drawn = () => document.getElementById("note").innerText.trim() || document.querySelectorAll("svg.marks").length === 3;

addEventListener("load", async () => {
  for (let tries = 0; tries < 300 && !drawn(); tries++) await pause(100);
  await pause(300);
  findings.plots = [...document.querySelectorAll(".vega-embed")].map(plot);
  findings.images = [...document.images].map((image) => ({ src: image.src, width: image.naturalWidth, shown: image.width }));
  findings.scripts = [...document.scripts].map((script) => script.src).filter(Boolean);
  findings.note = document.getElementById("note").innerText.trim();
  findings.window = innerWidth;
  findings.size = [document.documentElement.scrollWidth, document.documentElement.scrollHeight];
  findings.errors = [...errors]; // Vega warns of the empty plot that follows, and rightly
  type("no variant is called so");
  await pause(1000);
  type("one_pool rotate");
  await pause(1000);
  findings.filtered = [...document.querySelectorAll(".vega-embed")].slice(0, 1).map(plot);
  const pre = document.createElement("pre");
  pre.id = "probe";
  pre.textContent = JSON.stringify(findings);
  document.body.append(pre);
});
