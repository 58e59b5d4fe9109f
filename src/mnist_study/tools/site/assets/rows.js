// The table of rows: filter, order and ticks, all kept in the address behind #, so that a link shows the same.
"use strict";

{
  const table = document.getElementById("rows"), filters = document.getElementById("filters");
  const rows = [...table.tBodies[0].rows], shown = document.getElementById("shown");
  const compare = document.getElementById("compare"), chart = compare.querySelector(".chart");
  const keys = ["network", "scheduler", "augmentation", "batch"];
  const state = { sort: "", down: false, ticked: new Set() };

  const value = (name, key) => (key === "name" ? name : STUDY.variants[name][key]);

  function compared(one, other) {
    const [a, b] = [one, other].map((row) => value(row.dataset.name, state.sort));
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined); // what has none comes last
    const order = typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en");
    return state.down ? -order : order;
  }

  function show() {
    const wanted = keys.filter((key) => filters.elements[key].value);
    let count = 0;
    for (const row of state.sort ? [...rows].sort(compared) : rows) {
      row.hidden = !wanted.every((key) => String(value(row.dataset.name, key)) === filters.elements[key].value);
      count += !row.hidden;
      row.querySelector("input").checked = state.ticked.has(row.dataset.name);
      table.tBodies[0].append(row);
    }
    shown.textContent = `${count} ${count === 1 ? "variant" : "variants"}`;
    for (const button of table.querySelectorAll("[data-sort]")) {
      const heading = button.closest("th");
      if (button.dataset.sort === state.sort) heading.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    }
    compare.hidden = !state.ticked.size;
    if (state.ticked.size)
      charts.curves(chart, [...state.ticked].map((name) => ({ name, values: STUDY.variants[name].curve, href: `variants/${name}.html` })));
  }

  /** Brings the address up to date, without a step in the browser's history. */
  function keep() {
    const words = new URLSearchParams(keys.filter((key) => filters.elements[key].value).map((key) => [key, filters.elements[key].value]));
    if (state.sort) words.set("sort", (state.down ? "-" : "") + state.sort);
    if (state.ticked.size) words.set("ticked", [...state.ticked].join(","));
    history.replaceState(null, "", `#${words}`);
    show();
  }

  function read() {
    const words = new URLSearchParams(location.hash.slice(1));
    for (const key of keys) {
      filters.elements[key].value = words.get(key) ?? "";
      if (filters.elements[key].selectedIndex < 0) filters.elements[key].value = "";
    }
    const sort = (words.get("sort") ?? "").replace(/^-/, "");
    state.sort = table.querySelector(`[data-sort="${CSS.escape(sort)}"]`) ? sort : "";
    state.down = (words.get("sort") ?? "").startsWith("-");
    state.ticked = new Set((words.get("ticked") ?? "").split(",").filter((name) => Object.hasOwn(STUDY.variants, name)));
    show();
  }

  /** A bar under each interval, all on one scale. */
  function draw() {
    const cells = rows.map((row) => row.querySelector(".range"));
    const lows = cells.map((cell) => +cell.dataset.low).sort((a, b) => a - b), high = Math.max(...cells.map((cell) => +cell.dataset.high));
    const low = Math.max(lows[0], lows[lows.length >> 2] - (high - lows[lows.length >> 2]) * 3);
    for (const cell of cells) {
      const bar = document.createElement("i"), at = (value) => 4 + 92 * Math.max(0, (value - low) / (high - low));
      bar.style.left = `${at(+cell.dataset.low)}%`;
      bar.style.width = `max(2px, ${at(+cell.dataset.high) - at(+cell.dataset.low)}%)`;
      cell.append(bar);
    }
  }

  filters.addEventListener("change", keep);
  filters.addEventListener("reset", () => setTimeout(() => { state.sort = ""; keep(); })); // after the browser has emptied them
  filters.addEventListener("submit", (event) => event.preventDefault());
  table.addEventListener("click", (event) => {
    const key = event.target.closest("[data-sort]")?.dataset.sort;
    if (!key) return;
    const number = typeof value(rows[0].dataset.name, key) === "number";
    state.down = state.sort === key ? !state.down : number && key !== "parameters";
    state.sort = key;
    keep();
  });
  table.addEventListener("change", (event) => {
    const { value: name, checked } = event.target;
    if (checked) state.ticked.add(name);
    else state.ticked.delete(name);
    keep();
  });
  document.getElementById("untick").addEventListener("click", () => { state.ticked.clear(); keep(); });
  addEventListener("hashchange", read);
  charts.keep(chart, () => state.ticked.size && show());
  draw();
  read();
}
