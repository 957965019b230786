"use strict";
const byId = id => document.getElementById(id);
const study = JSON.parse(byId("study").textContent);
const { networks, classes, kernels, hard } = study;
const SIDE = 28, BOX = 20;  // pixels of MNIST's images, and of the box in them that the digit fits
const PEN = 0.07;  // share of the paper's width: as thick as MNIST's strokes where the digit fills most of it
const digits = classes.every(name => name.length === 1);
const singular = count => count % 10 === 1 && count % 100 !== 11;  // in Russian 21 is singular, as 1 is

const TEXT = {
  en: {
    title: `${digits ? "Draw a digit" : "Choose an image"}: ${networks.length} networks classify it`,
    hint: "Draw here", clear: "Clear", paper: "Drawing area for mouse, pen or finger",
    input: "Input of the networks: 28 × 28 pixels", blank: "The predictions appear here",
    all: name => `All ${networks.length} networks predict ${name}`,
    some: (count, name, of) => `${count}${of ? ` of ${networks.length} networks` : ""} predict${count === 1 ? "s" : ""} ${name}`,
    truth: (name, correct) => `The correct class is ${name}: ${correct} of ${networks.length} predictions are correct.`,
    grid: "Predictions: one row for each layout, one column for each kernel size",
    hard: "Difficult test images", hardNote: "Most networks misclassified these images of the test set.",
    facts: (network, accuracy) => `Convolutional layers: ${network.convolutions.length}. Linear layers: ${network.linears.length}. Parameters: ${number(network.parameters)}. Validation accuracy: ${accuracy}.`,
    first: layer => `Layer 1: ${layer.outputs} kernels of ${layer.size}×${layer.size}, each above its feature map`,
    later: (layer, index) => `Layer ${index + 1}: ${layer.outputs} feature maps`,
    legend: "Kernels: blue weights are positive, orange weights are negative. Feature maps: the output of each channel after pooling and ReLU.",
    probabilities: "Probability of each class",
  },
  ru: {
    title: `${digits ? "Нарисуйте цифру: её" : "Выберите изображение: его"} классифицирует каждая из ${networks.length} ${singular(networks.length) ? "сети" : "сетей"}`,
    hint: "Рисуйте здесь", clear: "Стереть", paper: "Поле для рисования мышью, стилусом или пальцем",
    input: "Вход сетей: 28 × 28 пикселей", blank: "Здесь появятся предсказания",
    all: name => `Все сети (${networks.length}) предсказывают ${name}`,
    some: (count, name, of) => `${count}${of ? ` из ${networks.length} сетей` : ""} предсказыва${singular(count) ? "ет" : "ют"} ${name}`,
    truth: (name, correct) => `Правильный класс: ${name}. Верных предсказаний: ${correct} из ${networks.length}.`,
    grid: "Предсказания: строки — архитектуры, столбцы — размеры ядра",
    hard: "Трудные тестовые изображения", hardNote: "Большинство сетей ошиблось на этих изображениях тестовой выборки.",
    facts: (network, accuracy) => `Свёрточных слоёв: ${network.convolutions.length}. Линейных слоёв: ${network.linears.length}. Параметров: ${number(network.parameters)}. Точность на валидации: ${accuracy}.`,
    first: layer => `Слой 1: ядра ${layer.size}×${layer.size} (${layer.outputs}), под каждым — его карта признаков`,
    later: (layer, index) => `Слой ${index + 1}: карты признаков (${layer.outputs})`,
    legend: "Ядра: синие веса положительны, оранжевые отрицательны. Карты признаков: выход каждого канала после пулинга и ReLU.",
    probabilities: "Вероятность каждого класса",
  },
};
let language = navigator.language.startsWith("ru") ? "ru" : "en";
function translate(key, ...values) {
  const text = TEXT[language][key];
  return typeof text === "string" ? text : text(...values);
}
const number = (value, decimals = 0) =>
  value.toLocaleString(language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
const percent = (share, decimals = 1) => `${number(100 * share, decimals)}\u00a0%`;
const probability = share => share > 0.9995 ? `>\u00a0${percent(0.999)}` : percent(share);
const indexOfMax = values => values.reduce((best, value, i) => value > values[best] ? i : best, 0);
const maxOf = values => values.reduce((max, value) => Math.max(max, value), 0);  // too many to be arguments

// ---- drawing
const paper = byId("paper"), input = byId("input"), ink = paper.getContext("2d", { willReadFrequently: true });
let strokes = [], image = null;  // what is on the paper: strokes, or the index of a hard test image
let stroke = null;  // the points of the stroke that is being drawn

function showOnPaper(newStrokes, newImage) {
  [strokes, image, stroke] = [newStrokes, newImage, null];
  redraw();
}
function pointOf(event) {
  const box = paper.getBoundingClientRect(), scale = paper.width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}
paper.addEventListener("pointerdown", event => {
  if (!event.isPrimary || event.button) return;
  paper.setPointerCapture(event.pointerId);
  const points = [pointOf(event)];
  showOnPaper([...strokes, points], null);
  stroke = points;
});
paper.addEventListener("pointermove", event => {
  if (!stroke || !event.isPrimary) return;
  const events = event.getCoalescedEvents?.() ?? [];
  stroke.push(...(events.length ? events : [event]).map(pointOf));
  redraw();
});
paper.addEventListener("lostpointercapture", event => { if (event.isPrimary) stroke = null; });

function drawStroke(points) {
  ink.beginPath();
  for (const point of points) ink.lineTo(...point);
  ink.lineTo(points.at(-1)[0] + 0.01, points.at(-1)[1]);  // makes a single point a dot
  ink.stroke();
}

// The digit is shrunk into the box by averaging, and moved by whole pixels until its centre of mass is in
// the middle, as in MNIST and in picture.py. Nothing is enlarged.
function toMnist({ data, width }) {
  const columns = new Float64Array(width), rows = new Float64Array(width), target = new Float64Array(SIDE * SIDE);
  for (let y = 0, i = 3; y < width; y++) {
    for (let x = 0; x < width; x++, i += 4) {  // the fourth number of a pixel is the amount of ink
      columns[x] += data[i];
      rows[y] += data[i];
    }
  }
  const [[left, right], [top, bottom]] = [columns, rows].map(sums =>
    [sums.findIndex(sum => sum > 0), sums.findLastIndex(sum => sum > 0) + 1]);
  if (!right) return target;
  const scale = Math.max((right - left) / BOX, (bottom - top) / BOX, 1);
  const [across, down] = [[columns, left, right], [rows, top, bottom]].map(([sums, first, end]) => {
    let mass = 0, moment = 0;
    sums.forEach((sum, i) => { mass += sum; moment += sum * (i + 0.5 - first); });
    const last = SIDE - Math.ceil((end - first) / scale - 1e-9);
    const move = Math.max(0, Math.min(last, SIDE / 2 - Math.floor(moment / mass / scale + 1e-9)));
    return Array.from({ length: end - first }, (_, i) => {  // the cell of each pixel, and the share of the
      const start = i / scale + move, cell = Math.floor(start);  // pixel that is in it and not in the next
      return [cell, Math.min(1, (cell + 1 - start) * scale)];
    });
  });
  down.forEach(([row, above], y) => across.forEach(([column, before], x) => {
    const amount = data[4 * ((top + y) * width + left + x) + 3] / scale ** 2, cell = row * SIDE + column;
    if (!amount) return;
    target[cell] += amount * above * before;
    target[cell + 1] += amount * above * (1 - before);
    target[cell + SIDE] += amount * (1 - above) * before;
    target[cell + SIDE + 1] += amount * (1 - above) * (1 - before);
  }));
  return target.map(Math.round);
}

// ---- pictures of values from −1 to 1; the style sheet turns black ink white on a dark page
const BLACK = [0, 0, 0], BLUE = [0, 114, 178], ORANGE = [213, 94, 0];
function paint(canvas, side, valueOf, colour = BLACK) {
  const picture = new ImageData(side, side);
  for (let i = 0, value; i < side * side; i++) {
    value = valueOf(i);
    picture.data.set([...(value < 0 ? ORANGE : colour), 255 * Math.abs(value)], 4 * i);
  }
  canvas.width = canvas.height = side;
  canvas.getContext("2d").putImageData(picture, 0, 0);
}
const pixelsOf = image => Uint8Array.from(atob(image.pixels), letter => letter.charCodeAt(0));

// ---- the networks run in a worker, on one drawing at a time, and then on the newest
const worker = new Worker(URL.createObjectURL(new Blob([byId("worker").textContent])));
worker.postMessage({ networks, normalisation: study.normalisation });
let { chosen } = study, pixels, results = null, busy = false, outdated = false;

function classify() {
  outdated = busy;
  if (busy) return;
  busy = true;
  byId("grid").ariaBusy = "true";
  worker.postMessage({ pixels, chosen });
}
worker.onmessage = ({ data }) => {
  busy = false;
  results = data;
  if (outdated) return classify();
  showResults();
  byId("grid").ariaBusy = "false";
};

function redraw() {
  ink.clearRect(0, 0, paper.width, paper.height);
  ink.lineWidth = PEN * paper.width;
  ink.lineCap = ink.lineJoin = "round";
  ink.imageSmoothingEnabled = false;
  strokes.forEach(drawStroke);
  pixels = image === null ? toMnist(ink.getImageData(0, 0, paper.width, paper.height)) : pixelsOf(hard[image]);
  paint(input, SIDE, i => pixels[i] / 255);
  if (image !== null) ink.drawImage(input, 0, 0, paper.width, paper.height);
  byId("hint").hidden = strokes.length > 0 || image !== null;
  byId("clear").disabled = !byId("hint").hidden;
  setPressed(hardButtons, image);
  classify();
}

// ---- results
const cells = [], hardButtons = [], bars = [];

function showResults() {
  const truth = hard[image], blank = !truth && !pixels.some(Boolean), verdict = byId("verdict");
  const predicted = results.probabilities.map(indexOfMax);
  const votes = classes.map((_, label) => predicted.filter(one => one === label).length);
  const order = [...votes.keys()].filter(label => votes[label]).sort((a, b) => votes[b] - votes[a]);
  const counts = order.map((label, index) => translate("some", votes[label], classes[label], !index));
  verdict.textContent = blank ? translate("blank") :
    order.length === 1 ? translate("all", classes[order[0]]) : counts.join("; ");
  verdict.classList.toggle("quiet", blank);
  byId("truth").textContent = truth ? translate("truth", classes[truth.label], votes[truth.label]) : "";
  cells.forEach((cell, i) => showCell(cell, i, blank ? null : predicted[i], truth?.label ?? order[0]));
  showChosen(blank);
}

function showCell(cell, i, predicted, expected) {
  const share = predicted === null ? 0 : results.probabilities[i][predicted];
  const parts = predicted === null ? ["", ""] : [classes[predicted], probability(share)];
  [...cell.children].forEach((child, index) => { child.textContent = parts[index]; });
  cell.classList.toggle("odd", predicted !== null && predicted !== expected);
  cell.style.setProperty("--share", share);
  cell.setAttribute("aria-label", [titleOf(i), ...parts].filter(Boolean).join(", "));
}

function showChosen(blank) {
  const { chosen, weights, maps, probabilities } = results, network = networks[chosen], { size } = network.convolutions[0];
  byId("chosen").textContent = titleOf(chosen);
  byId("facts").textContent = translate("facts", network, network.accuracy === null ? "–" : percent(network.accuracy, 2));
  byId("layers").replaceChildren();
  maps.forEach(({ values, side, margin, channels }, index) => {
    const block = append("div", byId("layers")), width = side + 2 * margin, max = maxOf(values) || 1;
    append("h3", block, translate(index ? "later" : "first", network.convolutions[index], index));
    const tiles = append("div", block);
    tiles.className = "tiles";
    tiles.ariaHidden = "true";
    for (let channel = 0; channel < channels; channel++) {
      const tile = append("div", tiles);
      if (!index) paintKernel(append("canvas", tile), size, weights.subarray(channel * size ** 2, (channel + 1) * size ** 2));
      paint(appendInk(tile), side, i => blank ? 0 :
        values[((Math.floor(i / side) + margin) * width + i % side + margin) * channels + channel] / max);
    }
  });
  bars.forEach((bar, label) => {
    bar.style.setProperty("--share", blank ? 0 : probabilities[chosen][label]);
    bar.nextSibling.textContent = blank ? "" : probability(probabilities[chosen][label]);
  });
}

function paintKernel(canvas, size, weights) {
  const max = maxOf(weights.map(Math.abs)) || 1;
  paint(canvas, size, i => weights[i] / max, BLUE);
}

// ---- the elements of the page
function append(tag, parent, text = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (tag === "button") element.type = "button";
  return parent.appendChild(element);
}
function appendInk(parent) {
  const canvas = append("canvas", parent);
  canvas.className = "ink";
  return canvas;
}
function titleOf(i) {
  const { name, size } = kernels[i % kernels.length];
  return `${networks[i].model}, ${size}×${size} (${name})`;
}
function setPressed(buttons, pressed) {
  buttons.forEach((button, i) => button.setAttribute("aria-pressed", i === pressed));
}
function choose(i) {
  chosen = i;
  setPressed(cells, chosen);
  classify();
}

for (const { name, size } of kernels) {
  const head = append("th", document.querySelector("thead tr"));
  head.scope = "col";
  append("b", head, `${size}×${size}`);
  head.append(` ${name}`);
}
for (const model of study.models) {
  const row = append("tr", byId("grid")), head = append("th", row);
  head.scope = "row";
  for (const part of model.split(/(?<=_)/)) head.append(part, document.createElement("wbr"));
  for (const _ of kernels) {
    const cell = append("button", append("td", row)), i = cells.push(cell) - 1;
    cell.className = "cell";
    for (const tag of ["b", "span"]) append(tag, cell);
    cell.addEventListener("click", () => choose(i));
  }
}
hard.forEach((one, i) => {
  const button = append("button", byId("hard")), values = pixelsOf(one);
  paint(appendInk(button), SIDE, pixel => values[pixel] / 255);
  append("span", button, classes[one.label]);
  button.addEventListener("click", () => showOnPaper([], i));
  hardButtons.push(button);
});
for (const name of classes) {
  const row = append("li", byId("bars"));
  append("span", row, name);
  bars.push(append("i", row));
  append("span", row);
}
setPressed(cells, chosen);
byId("hard-images").hidden = !hard.length;
document.body.classList.toggle("words", !digits);
document.querySelector("table").style.setProperty("--columns", kernels.length);
byId("clear").addEventListener("click", () => showOnPaper([], null));

function setLanguage(wanted) {
  language = document.documentElement.lang = wanted;
  document.title = `${study.dataset}. ${translate("title")}`;
  for (const one of document.querySelectorAll("[data-text]")) one.textContent = translate(one.dataset.text);
  for (const one of document.querySelectorAll("[data-label]")) one.ariaLabel = translate(one.dataset.label);
  for (const one of document.querySelectorAll(".switch button")) one.ariaPressed = String(one.lang === language);
  if (results) showResults();
}
for (const button of document.querySelectorAll(".switch button"))
  button.addEventListener("click", () => setLanguage(button.lang));
setLanguage(language);
showOnPaper([], digits || !hard.length ? null : 0);
