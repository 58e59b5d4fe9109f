// The page on which one draws: what the networks answer, and what each layer sees, at every change of the paper.
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
  const SOON = 16; // milliseconds
  const CHAMPIONS = ["champion", "champion_10k"].filter((name) => Object.keys(STUDY.networks[name] ?? {}).length);
  const choice = document.getElementById("choice"), answers = document.getElementById("answers"), layers = document.getElementById("layers");
  const said = document.getElementById("said"), spoken = document.getElementById("spoken"), trouble = document.getElementById("trouble");
  const seen = document.getElementById("seen").getContext("2d"), side = STUDY.side;
  let panels = [], waiting = false;

  const firstSeed = (name) => Object.keys(STUDY.networks[name])[0];
  const percent = (share) => `${(100 * share).toFixed(1)} %`;

  function named(tag, className, words = "") {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = words;
    return made;
  }

  /** The chosen network and the champions, each once. */
  async function choose() {
    const name = choice.elements.network.value, seed = choice.elements.seed.value;
    const wanted = [[name, seed], ...CHAMPIONS.filter((each) => each !== name).map((each) => [each, firstSeed(each)])];
    try {
      const ready = await Promise.all(wanted.map(([each, number]) => networks.load(each, number)));
      if (name !== choice.elements.network.value || seed !== choice.elements.seed.value) return; // another one was chosen meanwhile
      panels = wanted.map(([each, number], i) => panel(each, number, ready[i]));
      answers.replaceChildren(...panels.map((each) => each.place));
      later();
    } catch (error) {
      trouble.textContent = error.message;
    }
  }

  function panel(name, seed, network) {
    const place = named("div", "answer"), bars = named("div", "bars");
    place.append(named("h3", "", `${name}, seed ${seed}`), bars);
    const cells = STUDY.classes.map((label) => {
      const bar = document.createElement("i"), words = document.createElement("b");
      bars.append(named("span", "", label), bar, words);
      return { bar, words };
    });
    return { name, place, network, cells };
  }

  function answer(panel, image) {
    const shares = image ? scorer.probabilities(scorer.logits(panel.network, image, side, side)) : STUDY.classes.map(() => 0);
    shares.forEach((share, label) => {
      panel.cells[label].bar.style.setProperty("--share", share);
      panel.cells[label].words.textContent = share >= 0.0005 ? percent(share) : "";
    });
    return shares;
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
    const image = resample.asMnist(paper.ink, paper.side, paper.side, side);
    show(seen, image ?? new Uint8Array(side * side));
    const begin = performance.now(), [shares] = panels.slice(0, 1).map((each) => answer(each, image)), took = performance.now() - begin;
    if (took < SOON || !paper.drawing) for (const each of panels.slice(1)) answer(each, image); // else when the pen is up
    layers.hidden = !image;
    said.textContent = "Nothing drawn yet.";
    if (!image) return;
    const most = Math.max(...shares), label = STUDY.classes[shares.indexOf(most)];
    said.textContent = most < SURE ? `Unsure: perhaps ${label}, ${percent(most)}` : `${label}, ${percent(most)}`;
    document.getElementById("speed").textContent = `This answer took ${took.toFixed(1)} ms.`;
    drawLayers(panels[0].network);
  }

  function show(context, image) {
    const picture = context.createImageData(side, side);
    image.forEach((value, at) => picture.data.set([value, value, value, 255], 4 * at));
    context.putImageData(picture, 0, 0);
  }

  /** A canvas for each cell, its channels beside one another. */
  function drawLayers(network) {
    const cells = scorer.seen(network);
    while (layers.children.length > cells.length) layers.lastChild.remove();
    cells.forEach((cell, number) => {
      if (!layers.children[number]) {
        const made = named("div", "layer"), canvas = document.createElement("canvas");
        canvas.setAttribute("role", "img");
        made.append(document.createElement("p"), canvas);
        layers.append(made);
      }
      const [words, canvas] = layers.children[number].children;
      words.textContent = `Cell ${number + 1}: ${cell.channels} channels of ${cell.rows} × ${cell.columns}`;
      canvas.setAttribute("aria-label", words.textContent);
      tile(canvas, cell);
    });
  }

  function tile(canvas, { values, channels, rows, columns }) {
    const zoom = Math.max(1, Math.round(48 / columns)), across = Math.max(1, Math.min(channels, Math.floor((layers.clientWidth + 2) / (zoom * columns + 2))));
    const width = across * (columns + 1) - 1, height = Math.ceil(channels / across) * (rows + 1) - 1;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.style.width = `${width * zoom}px`;
    const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
    let low = Infinity, high = -Infinity;
    for (const value of values) low = Math.min(low, value), high = Math.max(high, value);
    for (let c = 0, from = 0; c < channels; c++)
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++, from++) {
          const at = 4 * ((Math.floor(c / across) * (rows + 1) + i) * width + (c % across) * (columns + 1) + j), grey = (255 * (values[from] - low)) / (high - low || 1);
          picture.data[at] = picture.data[at + 1] = picture.data[at + 2] = grey;
          picture.data[at + 3] = 255;
        }
    context.putImageData(picture, 0, 0);
  }

  function seeds() {
    const own = Object.keys(STUDY.networks[choice.elements.network.value]);
    choice.elements.seed.replaceChildren(...own.map((seed) => new Option(seed)));
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
    history.replaceState(null, "", `#network=${choice.elements.network.value}`);
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
  addEventListener("resize", later);

  paper.onchange = later;
  paper.onpause = () => {
    later();
    requestAnimationFrame(() => setTimeout(() => (spoken.textContent = said.textContent))); // once a stroke is done
  };
  const given = new URLSearchParams(location.hash.slice(1)).get("network");
  if (STUDY.networks[given] && Object.keys(STUDY.networks[given]).length) choice.elements.network.value = given;
  else if (CHAMPIONS.length) choice.elements.network.value = CHAMPIONS[0];
  seeds();
  choose();
}
