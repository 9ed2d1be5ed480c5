// Boxes to black out on the picture of a quarantined file: drawn, moved and resized with the mouse, a pen or the keys.
// The form's text field stays the truth (one line a box: x, y, width, height in the file's pixels); it can be typed
// into as well, and is what is sent.

const SVG = "http://www.w3.org/2000/svg";
const LEAST = 3; // pixels of the screen; less is a click, not a box
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LINE = /^\s*(\d{1,5})\s*,\s*(\d{1,5})\s*,\s*(\d{1,5})\s*,\s*(\d{1,5})\s*$/;

const frame = document.querySelector("[data-masks]");
const tools = document.querySelector("[data-masks-tools]");
const field = frame && document.getElementById(frame.dataset.masks);
const decision = frame && document.getElementById(frame.dataset.decision);
const [columns, rows] = frame ? [Number(frame.dataset.columns), Number(frame.dataset.rows)] : [0, 0];
let boxes = [];

const svg = frame?.querySelector("svg");
const clamp = (value, low, high) => Math.min(Math.max(Math.round(value), low), high);

// Inside the picture, at least one pixel large.
function inside({ x, y, width, height }) {
  const wide = clamp(width, 1, columns);
  const high = clamp(height, 1, rows);
  return { x: clamp(x, 0, columns - wide), y: clamp(y, 0, rows - high), width: wide, height: high };
}

function make(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

// File pixels per pixel of the screen.
const scale = () => columns / (svg.getBoundingClientRect().width || columns);

function pixelAt(event) {
  const box = svg.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * columns, ((event.clientY - box.top) / box.height) * rows];
}

const sentence = (key, values) =>
  Object.entries(values).reduce((said, [name, value]) => said.replaceAll(`{${name}}`, value), frame.dataset[key]);

const nameOf = (box, index) => sentence("textBox", { number: index + 1, ...box });

function draw(focused = null) {
  const size = scale();
  svg.replaceChildren();
  for (const [index, box] of boxes.entries()) {
    const group = make("g", { tabindex: "0", role: "img", "aria-label": nameOf(box, index) }, svg);
    group.dataset.index = String(index);
    make("rect", box, group);
    // Outside the box: it must not cover what is to be judged.
    const corner = { x: box.x + box.width, y: box.y + box.height, width: 10 * size, height: 10 * size };
    make("rect", { ...corner, class: "corner" }, group);
    const number = make("text", { x: box.x, y: box.y - 4 * size, "font-size": 14 * size }, group);
    number.textContent = String(index + 1);
    if (index === focused) group.focus({ preventScroll: true });
  }
}

function say(text) {
  tools.querySelector("[data-masks-said]").textContent = text;
}

// A box that somebody drew means black: the decision is chosen where none was.
function keep(focused = null) {
  field.value = boxes.map(({ x, y, width, height }) => `${x}, ${y}, ${width}, ${height}`).join("\n");
  if (boxes.length > 0 && !decision.value) decision.value = "masked";
  draw(focused);
  if (focused !== null && boxes[focused]) say(nameOf(boxes[focused], focused));
}

function read() {
  const lines = field.value.split("\n").map((line) => LINE.exec(line)).filter(Boolean);
  boxes = lines.map(([, ...four]) => four.map(Number)).map(([x, y, width, height]) => inside({ x, y, width, height }));
  draw();
}

function add() {
  const [width, height] = [columns / 6, rows / 16];
  boxes.push(inside({ x: (columns - width) / 2, y: (rows - height) / 2, width, height }));
  keep(boxes.length - 1);
}

function remove(index) {
  boxes.splice(index, 1);
  keep(boxes.length ? Math.min(index, boxes.length - 1) : null);
  say(sentence("textGone", { number: index + 1 }));
  if (boxes.length === 0) tools.querySelector("[data-masks-add]").focus();
}

// What a drag does: a new box from its first point, or a box that is moved, or resized at its corner.
function dragOf(event) {
  const [x, y] = pixelAt(event);
  const group = event.target.closest("g");
  if (!group) return { index: null, at: (toX, toY) => spanned(x, y, toX, toY) };
  const index = Number(group.dataset.index);
  const box = boxes[index];
  if (event.target.classList.contains("corner")) {
    return { index, at: (toX, toY) => inside({ ...box, width: box.width + Math.min(toX, columns) - x, height: box.height + Math.min(toY, rows) - y }) };
  }
  return { index, at: (toX, toY) => inside({ ...box, x: box.x + toX - x, y: box.y + toY - y }) };
}

function spanned(x, y, toX, toY) {
  const [left, right] = [Math.min(x, toX), Math.max(x, toX)].map((value) => clamp(value, 0, columns));
  const [top, bottom] = [Math.min(y, toY), Math.max(y, toY)].map((value) => clamp(value, 0, rows));
  return inside({ x: left, y: top, width: right - left, height: bottom - top });
}

function drag(event) {
  if (event.button !== 0) return;
  event.preventDefault();
  const before = structuredClone(boxes);
  const { index, at } = dragOf(event);
  const [startX, startY] = [event.clientX, event.clientY];
  let place = index;
  const end = (settled) => {
    for (const [name, heard] of Object.entries(heards)) window.removeEventListener(name, heard);
    if (!settled) boxes = before;
    keep(settled ? place : index);
  };
  const heards = {
    pointermove: (moved) => {
      const far = Math.max(Math.abs(moved.clientX - startX), Math.abs(moved.clientY - startY)) >= LEAST;
      if (place === null && !far) return;
      if (place === null) place = boxes.push(null) - 1;
      boxes[place] = at(...pixelAt(moved));
      draw();
    },
    pointerup: () => end(true),
    pointercancel: () => end(false),
    keydown: (pressed) => pressed.key === "Escape" && end(false),
  };
  for (const [name, heard] of Object.entries(heards)) window.addEventListener(name, heard);
  draw(index);
}

// By a two-hundredth of the picture, with Ctrl by one pixel; with Shift the size changes.
function nudge(index, [across, down], event) {
  const step = event.ctrlKey ? 1 : Math.max(1, Math.round(columns / 200));
  const box = { ...boxes[index] };
  if (event.shiftKey) {
    box.width = Math.min(box.width + across * step, columns - box.x);
    box.height = Math.min(box.height + down * step, rows - box.y);
  } else {
    box.x += across * step;
    box.y += down * step;
  }
  boxes[index] = inside(box);
  keep(index);
}

function onBoxKey(event) {
  const group = event.target.closest("g");
  if (!group || event.altKey || event.metaKey) return;
  const index = Number(group.dataset.index);
  if (ARROWS[event.key]) nudge(index, ARROWS[event.key], event);
  else if (event.key === "Delete" || event.key === "Backspace") remove(index);
  else return;
  event.preventDefault();
}

function showBlack() {
  const isBlack = frame.toggleAttribute("data-black");
  tools.querySelector("[data-masks-black]").setAttribute("aria-pressed", String(isBlack));
}

const WRITING = "input, textarea, select, [contenteditable], dialog";

function onPageKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
  if (document.documentElement.dataset.keys === "off" || event.target.closest?.(WRITING)) return;
  const act = { a: add, b: showBlack }[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
}

if (frame && tools) {
  tools.hidden = false;
  frame.dataset.live = "";
  read();
  svg.addEventListener("pointerdown", drag);
  svg.addEventListener("keydown", onBoxKey);
  field.addEventListener("input", read);
  tools.querySelector("[data-masks-add]").addEventListener("click", add);
  tools.querySelector("[data-masks-black]").addEventListener("click", showBlack);
  document.addEventListener("keydown", onPageKey);
  window.addEventListener("resize", () => draw());
}
