// The charts, as SVG drawn from window.STUDY (or CURVES of a variant's page) into the elements that name them in
// data-chart. Each is drawn again where its width changes.
"use strict";

const charts = (() => {
  const PALETTE = ["#3b7dd8", "#c2762a", "#3f9a6b", "#b8518e", "#7f6bd0", "#a08a2c", "#4a9fb0", "#c0524a"];
  const MARGIN = { top: 12, right: 12, bottom: 36, left: 52 };

  function element(name, attributes = {}, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  const line = (x1, y1, x2, y2, kind) => element("line", { x1, y1, x2, y2, class: kind });
  const text = (x, y, words, more = {}) => element("text", { x, y, ...more }, words);

  /** An SVG as wide as its place, and scales from values between `low` and `high` to pixels. */
  function frame(place, height, words) {
    const width = Math.max(place.clientWidth, 240);
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group", "aria-label": words });
    place.replaceChildren(svg);
    const scale = (low, high, from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);
    return { svg, width, height, scale, right: width - MARGIN.right, bottom: height - MARGIN.bottom };
  }

  /** Round values between two others, some `count` of them. */
  function ticks(low, high, count) {
    const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
  }

  function tip(place) {
    const box = document.createElement("div");
    box.className = "tip";
    box.hidden = true;
    place.append(box);
    return {
      show(x, y, words) {
        box.textContent = words;
        box.hidden = false;
        box.style.left = `${Math.max(0, Math.min(x + 12, place.clientWidth - box.offsetWidth))}px`;
        box.style.top = `${y < box.offsetHeight + 12 ? y + 12 : y - box.offsetHeight - 12}px`;
      },
      hide: () => (box.hidden = true),
    };
  }

  const percent = (value, digits = 3) => `${value.toFixed(digits)} %`;
  const signed = (value, digits = 3) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

  /** The lowest value that an axis need show: far-off ones are drawn at its rim, so that they squash nothing. */
  function lowEnd(values) {
    const sorted = [...values].sort((one, other) => one - other), at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
    return Math.max(sorted[0], at(0.25) - 6 * Math.max(at(0.75) - at(0.25), 0.02));
  }

  /** Accuracy over parameters: networks of one size side by side, by rising accuracy. */
  function front(place) {
    const all = Object.entries(STUDY.variants), goal = STUDY.target.accuracy;
    const { svg, width, height, scale, right, bottom } = frame(place, 400, "Test accuracy over the number of parameters");
    const values = all.flatMap(([, each]) => [each.interval[0], each.published ?? each.accuracy]);
    const low = Math.min(lowEnd(values), goal) - 0.02;
    const high = Math.min(100, Math.max(goal, ...all.flatMap(([, each]) => [each.interval[1], each.published ?? 0])) + 0.02);
    const sizes = all.map(([, each]) => each.parameters);
    const smallest = Math.min(...sizes) * 0.85, largest = Math.max(...sizes) * 1.15;
    const log = scale(Math.log(smallest), Math.log(largest), MARGIN.left, right), x = (size) => log(Math.log(size));
    const exact = scale(low, high, bottom, MARGIN.top), y = (value) => exact(Math.max(low, Math.min(high, value)));
    for (const value of ticks(low, high, 8)) {
      svg.append(line(MARGIN.left, y(value), right, y(value), "grid"));
      svg.append(text(MARGIN.left - 8, y(value) + 4, value.toFixed(1), { "text-anchor": "end" }));
    }
    const marked = [1e2, 1e3, 1e4, 1e5, 1e6].flatMap((power) => [1, 1.5, 2, 3, 4, 6, 8].map((digit) => digit * power));
    const within = marked.filter((size) => size > smallest && size < largest);
    let before = -Infinity;
    for (const size of within.length ? within : [sizes[0]]) {
      if (x(size) - before < 52) continue;
      before = x(size);
      svg.append(line(x(size), MARGIN.top, x(size), bottom, "grid"), text(x(size), bottom + 16, size.toLocaleString("en"), { "text-anchor": "middle" }));
    }
    svg.append(text((MARGIN.left + right) / 2, height - 4, "parameters (logarithmic)", { "text-anchor": "middle" }));
    svg.append(text(0, MARGIN.top - 1, "%"));
    svg.append(line(MARGIN.left, y(goal), right, y(goal), "goal"), text(MARGIN.left + 6, y(goal) - 5, `target ${goal.toFixed(2)} %`));

    const step = Math.min(1.5, width / 760), points = [];
    for (const group of sized(all.filter(([, each]) => each.table !== undefined))) {
      const centre = group.reduce((sum, [, each]) => sum + x(each.parameters), 0) / group.length;
      const place = (rank) => centre + (rank - (group.length - 1) / 2) * step;
      [...group].sort(by((each) => each.published)).forEach(([name, each], rank) => {
        svg.append(element("circle", { cx: place(rank), cy: y(each.published), r: 2.6, class: "published hollow" }, element("title", {}, `${name}: published ${percent(each.published, 2)}`)));
      });
      [...group].sort(by((each) => each.accuracy)).forEach(([name, each], rank) => points.push({ name, each, x: place(rank), kind: "ours" }));
    }
    for (const [name, each] of all) if (each.table === undefined) points.push({ name, each, x: x(each.parameters), kind: "own" });
    const box = tip(place), labels = [{ from: MARGIN.left, to: MARGIN.left + 110, y: y(goal) - 5 }]; // the target's
    for (const point of points) Object.assign(point, { y: y(point.each.accuracy), top: y(point.each.interval[1]), end: y(point.each.interval[0]) });
    for (const point of points) {
      const { name, each, kind } = point, [from, to] = each.interval;
      point.words = `${name}\n${percent(each.accuracy)}${each.sd ? ` ± ${each.sd.toFixed(3)}` : ""} (${from.toFixed(2)} to ${to.toFixed(2)})\n` +
        `${each.parameters.toLocaleString("en")} parameters` + (each.published ? `\npublished ${percent(each.published, 2)}` : "");
      point.link = element("a", { href: `variants/${name}.html`, class: kind, "aria-label": point.words.replaceAll("\n", ", ") },
        line(point.x, y(from), point.x, y(to), "interval"),
        element("circle", { cx: point.x, cy: point.y, r: kind === "own" ? 5.5 : 3, class: "dot" }));
      point.link.addEventListener("focus", () => box.show(point.x, point.y, point.words));
      point.link.addEventListener("blur", box.hide);
      svg.append(point.link);
      if (kind === "own" && points.filter((other) => other.kind === "own").length <= 8) {
        const label = name.length > 20 ? `${name.slice(0, 19)}…` : name, { x, y, left } = free(point, 8 * label.length, width, labels, points);
        svg.append(text(x, y, label, { class: "own mark", "text-anchor": left ? "end" : "start" }));
      }
      if (each.accuracy < low) svg.append(text(point.x, bottom - 8, "▾", { class: `${kind} mark`, "text-anchor": "middle" }));
    }
    nearest(svg, points, box);
  }

  /** Where a point's label of some `length` fits in, meets no other label if it can be, and covers the fewest points. */
  function free(point, length, width, labels, points) {
    const places = [[10, -8], [-10, -8], [10, 18], [-10, 18]].map(([across, down]) => {
      const x = point.x + across, left = across < 0, from = left ? x - length : x;
      return { x, y: point.y + down, left, from, to: from + length };
    });
    const meets = (each) => labels.filter((other) => each.from < other.to + 6 && other.from < each.to + 6 && Math.abs(each.y - other.y) < 13).length;
    const covers = (each) => points.filter(({ x, top, end }) => x > each.from - 3 && x < each.to + 3 && end > each.y - 13 && top < each.y + 5).length;
    const cost = (each) => (each.from < MARGIN.left || each.to > width ? 1e6 : 0) + 1e3 * meets(each) + covers(each);
    const found = places.reduce((best, each) => (cost(each) < cost(best) ? each : best));
    labels.push(found);
    return found;
  }

  const by = (value) => ([, one], [, other]) => value(one) - value(other);

  /** Groups of nearly equal size: within 5 %. */
  function sized(entries) {
    const groups = [];
    for (const entry of [...entries].sort(by((each) => each.parameters))) {
      const last = groups.at(-1);
      if (last && entry[1].parameters < last[0][1].parameters * 1.05) last.push(entry);
      else groups.push([entry]);
    }
    return groups;
  }

  /** Reads out the point nearest to the pointer, and opens it where it is chosen. */
  function nearest(svg, points, box) {
    const find = (event) => {
      const edge = svg.getBoundingClientRect(), far = (point) => Math.hypot(point.x - (event.clientX - edge.left), point.y - (event.clientY - edge.top));
      const found = points.reduce((best, point) => (far(point) < far(best) ? point : best));
      return far(found) < 28 ? found : null;
    };
    svg.addEventListener("pointermove", (event) => {
      const point = find(event);
      svg.style.cursor = point ? "pointer" : "";
      for (const each of points) each.link.querySelector(".dot").style.stroke = each === point ? "var(--text)" : "";
      if (point) box.show(point.x, point.y, point.words);
      else box.hide();
    });
    svg.addEventListener("pointerleave", box.hide);
    svg.addEventListener("click", (event) => {
      const point = find(event);
      if (point && !event.target.closest("a")) location.href = point.link.getAttribute("href");
    });
  }

  /** Each change's effect, here and published, with intervals. */
  function effects(place) {
    const designs = STUDY.effects, changes = designs.flatMap((design) => design.changes), narrow = place.clientWidth < 620;
    const lane = narrow ? 46 : 30, rows = changes.length + designs.length;
    const { svg, height, scale, right, bottom } = frame(place, rows * lane + MARGIN.bottom + 8, "Effects of single changes, in points");
    const ends = changes.flatMap((change) => [...change.here, ...change.published]);
    const left = narrow ? 8 : 330, x = scale(Math.min(...ends), Math.max(...ends), left, right);
    for (const value of ticks(Math.min(...ends), Math.max(...ends), narrow ? 4 : 7))
      svg.append(line(x(value), 0, x(value), bottom, "grid"), text(x(value), bottom + 16, value ? signed(value, 1) : "0", { "text-anchor": "middle" }));
    svg.append(line(x(0), 0, x(0), bottom, "goal"), text((left + right) / 2, height - 4, "points of test accuracy", { "text-anchor": "middle" }));
    const box = tip(place);
    let row = 0;
    for (const design of designs) {
      svg.append(text(0, row++ * lane + lane * 0.65, design.title, { style: "font-weight: 600" }));
      for (const change of design.changes) {
        const top = row++ * lane, y = top + lane - 13;
        svg.append(text(0, narrow ? top + 12 : y + 4, change.words, { style: "fill: var(--text)" }));
        const say = (words, [value, from, to]) => `${words} ${signed(value)} (${signed(from)} to ${signed(to)})`;
        const words = `${change.words}\n${say("here", change.here)}\n${say("published", change.published)}`;
        const group = element("g", { role: "img", "aria-label": words.replaceAll("\n", ", ") });
        for (const [kind, dot, off, found] of [["published", "hollow", 4, change.published], ["ours", "dot", -4, change.here]])
          group.append(element("g", { class: kind }, line(x(found[1]), y + off, x(found[2]), y + off, "interval"), element("circle", { cx: x(found[0]), cy: y + off, r: 3.6, class: dot })));
        group.append(element("rect", { x: 0, y: top, width: right, height: lane, fill: "transparent" }));
        group.addEventListener("pointermove", () => box.show(x(change.here[0]), y, words));
        group.addEventListener("pointerleave", box.hide);
        svg.append(group);
      }
    }
  }

  /** Learning curves; the axis is the logarithm of the error, so that the first and the last epoch are readable. */
  function curves(place, series) {
    const { svg, scale, right, bottom, height } = frame(place, 340, "Test accuracy after each epoch");
    const error = (accuracy) => Math.log10(Math.max(100 - accuracy, 0.01)), all = series.flatMap((each) => each.values);
    const epochs = Math.max(...series.map((each) => each.values.length));
    const x = scale(1, Math.max(epochs, 2), MARGIN.left, right);
    const y0 = scale(error(Math.min(...all)) + 0.05, error(Math.max(...all)) - 0.05, bottom, MARGIN.top), y = (accuracy) => y0(error(accuracy));
    const marked = [50, 80, 90, 95, 98, 99, 99.2, 99.4, 99.5, 99.6, 99.7, 99.8, 99.9];
    let last = Infinity;
    for (const value of marked) {
      if (y(value) > bottom || y(value) < MARGIN.top || last - y(value) < 16) continue;
      last = y(value);
      svg.append(line(MARGIN.left, last, right, last, "grid"), text(MARGIN.left - 8, last + 4, String(value), { "text-anchor": "end" }));
    }
    for (const value of ticks(1, Math.max(epochs, 2), 8).filter(Number.isInteger))
      svg.append(text(x(value), bottom + 16, String(value), { "text-anchor": "middle" }));
    svg.append(text((MARGIN.left + right) / 2, height - 4, "epoch", { "text-anchor": "middle" }), text(0, MARGIN.top - 1, "%"));
    const goal = window.STUDY?.target.accuracy ?? window.GOAL;
    if (y(goal) > MARGIN.top && y(goal) < bottom) svg.append(line(MARGIN.left, y(goal), right, y(goal), "goal"));
    const points = [], box = tip(place);
    const dash = (number) => ["none", "7 3", "2 3"][Math.floor(number / PALETTE.length) % 3];
    series.forEach(({ name, values, href }, number) => {
      const group = element(href ? "a" : "g", { style: `--key: ${PALETTE[number % PALETTE.length]}`, ...(href ? { href, "aria-label": name } : {}) });
      group.append(element("polyline", { class: "curve", points: values.map((value, i) => `${x(i + 1)},${y(value)}`).join(" ") }));
      group.firstChild.style.strokeDasharray = dash(number);
      values.forEach((value, i) => {
        const dot = element("circle", { cx: x(i + 1), cy: y(value), r: 2, class: "dot" });
        group.append(dot);
        points.push({ x: x(i + 1), y: y(value), words: `${name}\nepoch ${i + 1}: ${percent(value)}`, link: { querySelector: () => dot, getAttribute: () => href } });
      });
      svg.append(group);
    });
    nearest(svg, points, box);
    const legend = document.createElement("div");
    legend.className = "legend";
    series.forEach(({ name }, number) => {
      const key = document.createElement("span"), stroke = line(0, 5, 24, 5, "sample");
      key.className = "key stroke";
      key.style.setProperty("--key", PALETTE[number % PALETTE.length]);
      stroke.style.strokeDasharray = dash(number);
      key.append(element("svg", { viewBox: "0 0 24 10", "aria-hidden": "true" }, stroke), name);
      legend.append(key);
    });
    place.append(legend, values(series, epochs));
  }

  /** What curves show as a table, folded, for those who point at nothing. */
  function values(series, epochs) {
    const folded = document.createElement("details"), table = document.createElement("table");
    const row = (kind, head, cells) => {
      const made = table.insertRow(), first = made.appendChild(document.createElement("th"));
      first.scope = kind === "th" ? "col" : "row";
      first.textContent = head;
      for (const words of cells) {
        const cell = made.appendChild(document.createElement(kind));
        cell.className = "number";
        cell.textContent = words;
        if (kind === "th") cell.scope = "col";
      }
    };
    row("th", "epoch", series.map(({ name }) => name));
    for (let i = 0; i < epochs; i++) row("td", String(i + 1), series.map((each) => each.values[i]?.toFixed(3) ?? ""));
    folded.innerHTML = '<summary>The values, in percent</summary><div class="wide" role="region" aria-label="Values of the curves" tabindex="0"></div>';
    folded.lastChild.append(table);
    return folded;
  }

  /** One claim's difference on the scale of all. */
  function difference(place) {
    const ends = (each) => JSON.parse(each.dataset.ends), all = [...document.querySelectorAll("[data-ends]")].flatMap(ends);
    const { svg, scale, width } = frame(place, 30, `Difference ${ends(place).map((value) => signed(value)).join(", interval from ").replace(/, interval from ([^,]*)$/, " to $1")}`);
    svg.setAttribute("role", "img");
    const x = scale(Math.min(...all, 0), Math.max(...all, 0), 8, width - 8), [value, from, to] = ends(place);
    svg.append(line(8, 12, width - 8, 12, "grid"), line(x(0), 2, x(0), 22, "goal"));
    svg.append(element("g", { class: "ours" }, line(x(from), 12, x(to), 12, "interval"), element("circle", { cx: x(value), cy: 12, r: 4.5, class: "dot" })));
    svg.querySelector(".interval").style.strokeWidth = "4";
  }

  const seeds = (place) => curves(place, Object.entries(CURVES).map(([seed, values]) => ({ name: `seed ${seed}`, values })));
  const kinds = { front, effects, difference, seeds };

  /** Draws into `place` now and whenever its width changes. */
  function keep(place, draw) {
    let width = 0;
    new ResizeObserver(() => {
      if (place.clientWidth && place.clientWidth !== width) draw(place);
      width = place.clientWidth;
    }).observe(place);
  }

  for (const place of document.querySelectorAll("[data-chart]")) if (kinds[place.dataset.chart]) keep(place, kinds[place.dataset.chart]);
  return { curves, keep };
})();
