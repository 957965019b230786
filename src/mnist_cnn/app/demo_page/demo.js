"use strict";
const find = id => document.getElementById(id);
const study = JSON.parse(find("study").textContent);
const { networks, classes, kernels: levels, hard } = study;
const SIDE = 28, BOX = 20;  // MNIST's images, and the box in them that the ink fits
const PEN = 0.07;  // of the paper's width: as thick as MNIST's strokes where the digit fills most of it
const CALM = 700;  // milliseconds without a change before an answer is read out
const digits = classes.every(name => name.length === 1), all = networks.length;

const TEXT = {
  en: {
    title: `${digits ? "Draw a digit" : "Choose a picture"}. ${all} networks answer.`,
    hint: "Draw here", undo: "Undo", clear: "Clear", paper: "Drawing area for mouse, pen or finger",
    seen: "What the networks see: 28 × 28", blank: "Their answers appear here",
    all: name => `All ${all} see ${name}`,
    some: (count, name, of) => `${count}${of ? ` of ${all}` : ""} see${count === 1 ? "s" : ""} ${name}`,
    truth: (name, now, then) => `It is ${name}. Right: ${now} of ${all} now, ${then} in the report.`,
    report: name => `report: ${name}`,
    grid: "What each network sees: a row for each layout, a column for each kernel size",
    hard: "Hard test images",
    hardNote: "Most networks got these wrong in the report. There, a network's runs shared the test images out. Here its first run answers, so the two may differ.",
    facts: (one, right) => `Convolutional layers: ${one.convolutions.length}. Linear layers: ${one.linears.length}. Weights: ${number(one.parameters)}. Right on ${right} of the images it did not learn from.`,
    first: layer => `First layer: ${layer.outputs} kernels of ${layer.size}×${layer.size}, and below each where it fits`,
    later: (layer, place) => `Layer ${place + 1}: ${layer.outputs} maps of what these add up to`,
    legend: "Blue weights look for ink, orange ones for paper. The stronger a place in a map, the better it fits.",
    probabilities: "How probable it holds each",
    keys: "Keyboard: Tab to the networks or the images, arrow keys among them, Esc clears, Ctrl+Z undoes.",
  },
  ru: {
    title: `${digits ? "Нарисуйте цифру" : "Выберите картинку"}. Отвечают сети: ${all}.`,
    hint: "Рисуйте здесь", undo: "Отменить", clear: "Стереть", paper: "Поле для рисования мышью, пером или пальцем",
    seen: "Что видят сети: 28 × 28", blank: "Здесь появятся их ответы",
    all: name => `Все ${all} видят ${name}`,
    some: (count, name, of) => `${count}${of ? ` из ${all}` : ""} вид${singular(count) ? "ит" : "ят"} ${name}`,
    truth: (name, now, then) => `Это ${name}. Верно: сейчас ${now} из ${all}, в отчёте ${then}.`,
    report: name => `отчёт: ${name}`,
    grid: "Что видит каждая сеть: строки — слои, столбцы — размер ядра",
    hard: "Трудные тестовые картинки",
    hardNote: "В отчёте на них ошиблось большинство сетей. Там картинки были поделены между обучениями одной сети. Здесь отвечает первое из них, поэтому ответы могут отличаться.",
    facts: (one, right) => `Свёрточных слоёв: ${one.convolutions.length}. Линейных слоёв: ${one.linears.length}. Весов: ${number(one.parameters)}. Верно на ${right} картинок, на которых сеть не училась.`,
    first: layer => `Первый слой: ядра ${layer.size}×${layer.size}, всего ${layer.outputs}; под каждым — где оно подходит`,
    later: (layer, place) => `Слой ${place + 1}: карты того, что из этого складывается, всего ${layer.outputs}`,
    legend: "Синие веса ищут краску, оранжевые — бумагу. Чем сильнее место на карте, тем лучше оно подходит.",
    probabilities: "Насколько вероятен каждый ответ",
    keys: "Клавиатура: Tab — к сетям или картинкам, стрелки — между ними, Esc — стереть, Ctrl+Z — отменить.",
  },
};
let language = navigator.language.startsWith("ru") ? "ru" : "en";
const singular = count => count % 10 === 1 && count % 100 !== 11;  // Russian says 21 as it says 1
function say(key, ...values) {
  const text = TEXT[language][key];
  return typeof text === "string" ? text : text(...values);
}
const number = (value, places = 0) =>
  value.toLocaleString(language, { minimumFractionDigits: places, maximumFractionDigits: places });
const percent = (share, places = 1) => `${number(100 * share, places)}\u00a0%`;
const probability = share => share > 0.9995 ? `>\u00a0${percent(0.999)}` : percent(share);

// ---- what is drawn: each change makes a new state, so that it can be undone
const history = [{ strokes: [], image: null }];
const now = () => history.at(-1);
const paper = find("paper"), ink = paper.getContext("2d", { willReadFrequently: true });
let stroke = null;  // the points of the one that is being drawn

function change(state) {
  history.push(state);
  show();
}
function undo() {
  stroke = null;
  if (history.length > 1) history.pop();
  show();
}
function clear() {
  stroke = null;
  if (now().strokes.length || now().image !== null) change({ strokes: [], image: null });
}
function point(event) {
  const box = paper.getBoundingClientRect(), scale = paper.width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}
paper.addEventListener("pointerdown", event => {
  if (!event.isPrimary || event.button) return;
  paper.setPointerCapture(event.pointerId);
  stroke = [point(event)];
  change({ strokes: [...now().strokes, stroke], image: null });
});
paper.addEventListener("pointermove", event => {
  if (!stroke || !event.isPrimary) return;
  const events = event.getCoalescedEvents?.() ?? [];
  stroke.push(...(events.length ? events : [event]).map(point));
  show();
});
paper.addEventListener("lostpointercapture", event => { if (event.isPrimary) stroke = null; });

function drawStroke(points) {
  ink.beginPath();
  ink.moveTo(...points[0]);
  for (let i = 1; i < points.length; i++) {  // curves from middle to middle have no corners
    const [x, y] = points[i - 1], [nextX, nextY] = points[i];
    ink.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  const [x, y] = points.at(-1);
  ink.lineTo(x + 0.01, y);  // a point alone is a dot
  ink.stroke();
}

// As MNIST's makers did: the ink is shrunk until it fits the box, its pixels averaged to greys, and moved by
// whole pixels until its centre of mass is in the middle. Nothing is enlarged.
function asMnist({ data, width }) {
  const columns = new Float64Array(width), rows = new Float64Array(width), target = new Float64Array(SIDE * SIDE);
  for (let y = 0, i = 3; y < width; y++) {
    for (let x = 0; x < width; x++, i += 4) {  // the fourth number of a pixel says how much ink it has
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
    const most = SIDE - Math.ceil((end - first) / scale - 1e-9);
    const move = Math.max(0, Math.min(most, Math.round((SIDE + 1) / 2 - moment / mass / scale)));
    return Array.from({ length: end - first }, (_, i) => {  // of each pixel its cell, and the share that
      const start = i / scale + move, cell = Math.floor(start);  // falls into it and not into the next
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

// ---- pictures, of values from −1 to 1; the style sheet turns black ink white where the page is dark
const BLACK = [0, 0, 0], BLUE = [0, 114, 178], ORANGE = [213, 94, 0];
function paint(canvas, side, valueOf, colour = BLACK) {
  const image = new ImageData(side, side);
  for (let i = 0, value; i < side * side; i++) {
    value = valueOf(i);
    image.data.set([...(value < 0 ? ORANGE : colour), 255 * Math.abs(value)], 4 * i);
  }
  canvas.width = canvas.height = side;
  canvas.getContext("2d").putImageData(image, 0, 0);
}
const pixelsOf = image => Uint8Array.from(atob(image.pixels), letter => letter.charCodeAt(0));

// ---- asking: one question at a time, and then the newest
const worker = new Worker(URL.createObjectURL(new Blob([find("worker").textContent])));
worker.postMessage({ networks, normalisation: study.normalisation });
let { chosen } = study, pixels, answer = null, waiting = false, newer = false;

function ask() {
  newer = waiting;
  if (waiting) return;
  waiting = true;
  worker.postMessage({ pixels, chosen });
}
worker.onmessage = ({ data }) => {
  waiting = false;
  answer = data;
  if (newer) ask();
  else tell();
};

function show() {
  const { strokes, image } = now();
  ink.clearRect(0, 0, paper.width, paper.height);
  ink.lineWidth = PEN * paper.width;
  ink.lineCap = ink.lineJoin = "round";
  ink.imageSmoothingEnabled = false;
  strokes.forEach(drawStroke);
  pixels = image === null ? asMnist(ink.getImageData(0, 0, paper.width, paper.height)) : pixelsOf(hard[image]);
  paint(find("seen"), SIDE, i => pixels[i] / 255);
  if (image !== null) ink.drawImage(find("seen"), 0, 0, paper.width, paper.height);
  find("hint").hidden = strokes.length > 0 || image !== null;
  find("clear").disabled = !find("hint").hidden;
  find("undo").disabled = history.length < 2;
  press(hardButtons, image);
  ask();
}

// ---- telling
const cells = [], hardButtons = [], layers = [], bars = [];
let timer;

function tell() {
  const { image } = now(), truth = hard[image], blank = !truth && !pixels.some(Boolean);
  const seen = answer.probabilities.map(shares => shares.indexOf(Math.max(...shares)));
  const votes = classes.map((_, label) => seen.filter(one => one === label).length);
  const order = [...votes.keys()].filter(label => votes[label]).sort((a, b) => votes[b] - votes[a]);
  const spread = order.map((label, place) => say("some", votes[label], classes[label], !place));
  const verdict = find("verdict"), comparison = find("truth");
  verdict.textContent = blank ? say("blank") : order.length === 1 ? say("all", classes[order[0]]) : spread.join(", ");
  verdict.classList.toggle("quiet", blank);
  comparison.textContent = !truth ? "" :
    say("truth", classes[truth.label], votes[truth.label], truth.predictions.filter(one => one === truth.label).length);
  cells.forEach((cell, i) => tellCell(cell, i, blank ? null : seen[i], truth, truth?.label ?? order[0]));
  tellInside(blank);
  clearTimeout(timer);
  const spoken = [verdict, comparison].map(one => one.textContent).filter(Boolean).join(". ");
  timer = setTimeout(() => { find("announced").textContent = spoken; }, CALM);
}

function tellCell(cell, i, seen, truth, expected) {
  const share = seen === null ? 0 : answer.probabilities[i][seen];
  const parts = seen === null ? ["", ""] : [classes[seen], probability(share)];
  if (truth) parts.push(say("report", classes[truth.predictions[i]]));
  [...cell.children].forEach((child, place) => { child.textContent = parts[place] ?? ""; });
  cell.classList.toggle("odd", seen !== null && seen !== expected);
  cell.style.setProperty("--share", share);
  cell.setAttribute("aria-label", [titleOf(i), ...parts].filter(Boolean).join(", "));
}

function tellInside(blank) {
  const network = networks[chosen], { kernels, maps, probabilities } = answer;
  find("chosen").textContent = titleOf(chosen);
  find("facts").textContent = say("facts", network, network.accuracy === null ? "–" : percent(network.accuracy, 2));
  layers.forEach(({ block, title, tiles }, place) => {
    block.hidden = place >= maps.length;
    if (block.hidden) return;
    const { values, side, margin, channels } = maps[place], wide = side + 2 * margin, most = Math.max(...values) || 1;
    title.textContent = say(place ? "later" : "first", network.convolutions[place], place);
    while (tiles.children.length > channels) tiles.lastChild.remove();
    while (tiles.children.length < channels) {
      const tile = make("div", tiles);
      if (!place) make("canvas", tile);  // for the kernel
      make("canvas", tile).className = "ink";
    }
    [...tiles.children].forEach((tile, channel) => {
      if (!place) paintKernel(tile.firstChild, kernels, channel);
      paint(tile.lastChild, side, i => blank ? 0 :
        values[((Math.floor(i / side) + margin) * wide + i % side + margin) * channels + channel] / most);
    });
  });
  bars.forEach((bar, label) => {
    bar.style.setProperty("--share", blank ? 0 : probabilities[chosen][label]);
    bar.nextSibling.textContent = blank ? "" : probability(probabilities[chosen][label]);
  });
}

function paintKernel(canvas, { size, weights }, channel) {  // the worker keeps two channels side by side
  const own = Array.from({ length: size * size }, (_, i) => weights[((channel >> 1) * size * size + i) * 2 + channel % 2]);
  const most = Math.max(...own.map(Math.abs)) || 1;
  paint(canvas, size, i => own[i] / most, BLUE);
}

// ---- what is there from the start
function make(tag, parent, text = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (tag === "button") made.type = "button";
  return parent.appendChild(made);
}
function titleOf(i) {
  const { name, size } = levels[i % levels.length];
  return `${networks[i].model}, ${size}×${size} (${name})`;
}
function press(buttons, pressed) {
  buttons.forEach((button, i) => {
    button.setAttribute("aria-pressed", i === pressed);
    button.tabIndex = i === (pressed ?? 0) ? 0 : -1;  // one stop of Tab; arrow keys go on from there
  });
}
function choose(i) {
  chosen = i;
  press(cells, chosen);
  ask();
}
function makeChoice(buttons, columns, act) {
  buttons.forEach((button, i) => {
    button.addEventListener("click", () => act(i));
    button.addEventListener("keydown", event => {
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      if (!buttons[i + step]) return;
      event.preventDefault();
      act(i + step);
      buttons[i + step].focus();
    });
  });
}

for (const { name, size } of levels) {
  const head = make("th", document.querySelector("thead tr"));
  head.scope = "col";
  make("b", head, `${size}×${size}`);
  head.append(` ${name}`);
}
for (const model of study.models) {
  const row = make("tr", find("grid")), head = make("th", row);
  head.scope = "row";
  for (const part of model.split(/(?<=_)/)) head.append(part, document.createElement("wbr"));
  for (const _ of levels) {
    const cell = make("button", make("td", row));
    cell.className = "cell";
    for (const tag of ["b", "span", "small"]) make(tag, cell);
    cells.push(cell);
  }
}
for (const image of hard) {
  const button = make("button", find("hard")), canvas = make("canvas", button), values = pixelsOf(image);
  canvas.className = "ink";
  paint(canvas, SIDE, i => values[i] / 255);
  make("span", button, classes[image.label]);
  hardButtons.push(button);
}
for (let place = 0; place < Math.max(...networks.map(network => network.convolutions.length)); place++) {
  const block = make("div", find("layers")), title = make("h3", block), tiles = make("div", block);
  tiles.className = "tiles";
  tiles.ariaHidden = "true";
  layers.push({ block, title, tiles });
}
for (const name of classes) {
  const row = make("li", find("bars"));
  make("span", row, name);
  bars.push(make("i", row));
  make("span", row);
}
makeChoice(cells, levels.length, choose);
makeChoice(hardButtons, 1, image => change({ strokes: [], image }));
press(cells, chosen);
find("hard-images").hidden = !hard.length;
document.body.classList.toggle("words", !digits);
document.querySelector("table").style.setProperty("--columns", levels.length);
find("undo").addEventListener("click", undo);
find("clear").addEventListener("click", clear);
document.addEventListener("keydown", event => {
  if (event.key === "Escape") clear();
  else if (event.code === "KeyZ" && (event.ctrlKey || event.metaKey)) undo();
});

function speak(wanted) {
  language = document.documentElement.lang = wanted;
  document.title = `${study.dataset}. ${say("title")}`;
  for (const one of document.querySelectorAll("[data-text]")) one.textContent = say(one.dataset.text);
  for (const one of document.querySelectorAll("[data-label]")) one.ariaLabel = say(one.dataset.label);
  for (const one of document.querySelectorAll(".switch button")) one.ariaPressed = String(one.lang === language);
  if (answer) tell();
}
for (const button of document.querySelectorAll(".switch button"))
  button.addEventListener("click", () => speak(button.lang));
speak(language);
if (digits || !hard.length) show();
else change({ strokes: [], image: 0 });
