// The page on which one draws: what the networks answer at every change of the paper, and their means when the pen rests.
"use strict";

{
  const SAMPLES = [ // lines through places in hundredths of the paper
    [[[50, 20], [35, 28], [28, 50], [34, 72], [50, 80], [65, 72], [72, 50], [64, 28], [50, 20]]],
    [[[42, 32], [54, 20], [54, 80]]],
    [[[32, 34], [40, 22], [56, 20], [66, 30], [62, 46], [46, 62], [32, 78], [70, 78]]],
    [[[34, 24], [52, 20], [64, 30], [58, 44], [46, 49], [60, 53], [68, 66], [58, 79], [42, 80], [31, 73]]],
    [[[40, 20], [32, 52], [70, 52]], [[62, 34], [60, 82]]],
    [[[66, 21], [40, 21], [36, 46], [52, 43], [66, 52], [66, 70], [52, 80], [34, 75]]],
    [[[60, 19], [44, 32], [35, 54], [37, 73], [51, 80], [64, 71], [62, 57], [49, 52], [38, 60]]],
    [[[31, 24], [70, 24], [56, 50], [46, 80]]],
    [[[51, 48], [37, 40], [36, 27], [50, 20], [64, 27], [62, 40], [51, 48], [36, 60], [36, 74], [50, 81], [65, 73], [64, 59], [51, 48]]],
    [[[64, 34], [54, 22], [40, 25], [35, 40], [46, 50], [60, 45], [64, 34], [63, 56], [58, 81]]],
  ];
  const SOON = 16, REST = 150; // milliseconds: of an answer that holds up no frame; without a change, until means are wanted
  const OWN = 0, MEAN = 1; // columns of a panel
  const CHAMPIONS = STUDY.champions.filter((name) => Object.keys(STUDY.networks[name] ?? {}).length);
  const choice = document.getElementById("choice"), answers = document.getElementById("answers");
  const said = document.getElementById("said"), spoken = document.getElementById("spoken"), trouble = document.getElementById("trouble");
  const seen = document.getElementById("seen").getContext("2d"), side = STUDY.side;
  let panels = [], waiting = false, changes = 0, choices = 0, resting;

  const seedsOf = (name) => Object.keys(STUDY.networks[name]);
  const percent = (share) => `${(100 * share).toFixed(1)} %`;

  function named(tag, className, words = "") {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = words;
    return made;
  }

  /** The chosen network and the champions, each once; then, for means, those of all their seeds. */
  async function choose() {
    const name = choice.elements.network.value, seed = choice.elements.seed.value, mine = ++choices;
    const wanted = [[name, seed], ...CHAMPIONS.filter((each) => each !== name).map((each) => [each, seedsOf(each)[0]])];
    try {
      const ready = await Promise.all(wanted.map(([each, number]) => networks.load(each, number)));
      if (mine !== choices) return; // another one was chosen meanwhile
      panels = wanted.map(([each, number], i) => panel(each, number, ready[i]));
      answers.replaceChildren(...panels.map((each) => each.place));
      later();
      for (const each of panels.filter((each) => each.averaged)) each.all = await Promise.all(seedsOf(each.name).map((number) => networks.load(each.name, number)));
      later();
    } catch (error) {
      trouble.textContent = error.message;
    }
  }

  /** A place for a network's answer and, where the mean over several seeds is wanted, for that beside it. */
  function panel(name, seed, network) {
    const count = seedsOf(name).length, averaged = choice.elements.mean.checked && count > 1, columns = averaged ? [OWN, MEAN] : [OWN];
    const place = named("div", "answer"), bars = named("div", averaged ? "bars two" : "bars");
    place.append(named("h3", "", `${name}, seed ${seed}${averaged ? `, and the mean of ${count} networks` : ""}`), bars);
    if (averaged) bars.append(...["", "", `seed ${seed}`, "mean"].map((words) => named("span", "head", words)));
    const cells = STUDY.classes.map((label) => {
      const pair = columns.map(() => document.createElement("i")), words = columns.map(() => document.createElement("b")), both = named("span", "pair");
      both.append(...pair);
      bars.append(named("span", "", label), both, ...words);
      return columns.map((column) => ({ bar: pair[column], words: words[column] }));
    });
    return { name, place, network, averaged, all: null, cells };
  }

  function probabilities(network, image) {
    return image ? scorer.probabilities(scorer.logits(network, image, side, side)) : STUDY.classes.map(() => 0);
  }

  function write(panel, column, shares) {
    shares.forEach((share, label) => {
      const { bar, words } = panel.cells[label][column];
      bar.style.setProperty("--share", share);
      words.textContent = share >= 0.0005 ? percent(share) : "";
    });
  }

  function say(shares, image) {
    const most = Math.max(...shares), label = STUDY.classes[shares.indexOf(most)], several = DIGITS && resample.sideBySide(image, side);
    said.textContent = most < SURE || several ? `Unsure: perhaps ${label}, ${percent(most)}` : `${label}, ${percent(most)}`;
  }

  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      update();
    });
  }

  function update() {
    if (!panels.length) return;
    changes++;
    const image = resample.asMnist(paper.ink, paper.side, paper.side, side);
    show(seen, image ?? new Uint8Array(side * side));
    const begin = performance.now(), shares = probabilities(panels[0].network, image), took = performance.now() - begin;
    write(panels[0], OWN, shares);
    const all = took < SOON || !paper.drawing; // else the others follow when the pen rests
    for (const each of panels.slice(1)) {
      each.place.classList.toggle("behind", !all);
      if (all) write(each, OWN, probabilities(each.network, image));
    }
    for (const each of panels) each.place.classList.toggle("stale", each.averaged);
    clearTimeout(resting);
    resting = setTimeout(average, image ? REST : 0, image);
    layers.draw(image && panels[0].network);
    said.textContent = "Nothing drawn yet.";
    if (!image) return;
    say(shares, image);
    document.getElementById("speed").textContent = `This answer took ${took.toFixed(1)} ms.`;
  }

  /** The answers left out while the pen moved, then the means over the seeds, one network after another, until something changes. */
  async function average(image) {
    const mine = changes;
    for (const each of panels.filter((each) => each.place.matches(".behind"))) {
      await new Promise((done) => setTimeout(done));
      if (mine !== changes) return;
      write(each, OWN, probabilities(each.network, image));
      each.place.classList.remove("behind");
    }
    for (const each of panels.filter((each) => each.all)) {
      let sums = STUDY.classes.map(() => 0);
      for (const network of each.all) {
        await new Promise((done) => setTimeout(done)); // for what the pen does meanwhile
        if (mine !== changes) return;
        sums = probabilities(network, image).map((share, label) => sums[label] + share);
      }
      const means = sums.map((sum) => sum / each.all.length);
      write(each, MEAN, means);
      each.place.classList.remove("stale");
      if (!image || each !== panels[0]) continue;
      say(means, image);
      if (!paper.drawing) spoken.textContent = said.textContent;
    }
  }

  function show(context, image) {
    const picture = context.createImageData(side, side);
    image.forEach((value, at) => picture.data.set([value, value, value, 255], 4 * at));
    context.putImageData(picture, 0, 0);
  }

  function seeds() {
    choice.elements.seed.replaceChildren(...seedsOf(choice.elements.network.value).map((seed) => new Option(seed)));
  }

  async function take(file) {
    trouble.textContent = "";
    if (!file) return;
    try {
      await paper.take(file);
    } catch (error) {
      trouble.textContent = error.message;
    }
  }

  choice.addEventListener("change", (event) => {
    if (event.target.name === "network") seeds();
    history.replaceState(null, "", `#network=${choice.elements.network.value}${choice.elements.mean.checked ? "&mean" : ""}`);
    choose();
  });
  choice.addEventListener("submit", (event) => event.preventDefault());
  for (const button of document.querySelectorAll("[data-sample]"))
    button.addEventListener("click", () => paper.draw(SAMPLES[button.dataset.sample].map((line) => line.map((place) => place.map((each) => Math.round((each * paper.side) / 100))))));
  document.getElementById("file").addEventListener("change", (event) => take(event.target.files[0]).then(() => (event.target.value = "")));
  addEventListener("paste", (event) => take(event.clipboardData.files[0]));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.getElementById("paper").classList.add("over");
  });
  addEventListener("dragleave", () => document.getElementById("paper").classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.getElementById("paper").classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z") {
      event.preventDefault();
      paper.undo();
    }
  });
  paper.onchange = later;
  paper.onpause = () => {
    later();
    requestAnimationFrame(() => setTimeout(() => (spoken.textContent = said.textContent))); // once a stroke is done
  };
  const asked = new URLSearchParams(location.hash.slice(1)), given = asked.get("network");
  choice.elements.mean.checked = asked.has("mean");
  if (STUDY.networks[given] && seedsOf(given).length) choice.elements.network.value = given;
  else if (CHAMPIONS.length) choice.elements.network.value = CHAMPIONS[0];
  seeds();
  choose();
}
