// The picture: its boxes by name; zoom, pan, fit.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const stage = $("stage");
const svg = $("picture").content.querySelector("svg");
const boxes = new Map([...svg.querySelectorAll("g[data-id]")].map((g) => [g.dataset.id, g]));
const contents = new Map([...boxes].map(([id, box]) => [id, box.firstElementChild]));
for (const content of contents.values()) content.remove(); // Until it is in view.
stage.prepend(svg);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const narrow = matchMedia("(max-width: 720px)");

/** Make an element with text or elements in it. */
function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/** Make a part of a picture. */
function draw(tag, attributes, ...content) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

/** Write a number that JavaScript has written as pictures do: -1.2e-16 is −1.2×10⁻¹⁶. */
function typeset(text) {
  const raised = (exponent) => exponent.replace(/./g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  return text.replace(/e\+?(-?\d+)/g, (_, exponent) => "×10" + raised(exponent)).replace(/-/g, "−");
}

// ---------------------------------------------------------------- zoom, pan, fit

let whole = [0, 0, 100, 100];
let view = whole;

function look(next) {
  view = next;
  svg.setAttribute("viewBox", view.map((x) => x.toFixed(2)).join(" "));
  svg.classList.toggle("distant", scale() < 0.3); // Numbers are too small to be read then.
  const near = ([x, y], [w, h]) =>
    Math.abs(2 * x + w - 2 * view[0] - view[2]) < w + 2 * view[2] + 400 &&
    Math.abs(2 * y + h - 2 * view[1] - view[3]) < h + 2 * view[3] + 400;
  for (const [id, content] of contents) {
    const seen = state.at[id] && near(state.at[id], data.sizes[id]);
    if (seen && !content.isConnected) boxes.get(id).append(content);
    else if (!seen) content.remove(); // Texts take time wherever they are, hidden ones too.
  }
}

let room = [1, 1]; // To ask for it lays the whole page out again, so it is done seldom.
const measure = () => (room = [svg.clientWidth, svg.clientHeight].map((x) => Math.max(x, 1)));
new ResizeObserver(() => {
  const unseen = room.includes(1); // A notebook may load the page before it shows it.
  measure();
  if (unseen) start();
}).observe(svg);

/** How many pixels a unit of the picture takes. */
const scale = () => Math.min(room[0] / view[2], room[1] / view[3]);

function zoom(factor, clientX, clientY) {
  const area = svg.getBoundingClientRect();
  const px = clientX === undefined ? 0.5 : (clientX - area.left) / area.width;
  const py = clientY === undefined ? 0.5 : (clientY - area.top) / area.height;
  const size = Math.min(Math.max(view[2] / factor, 60), whole[2] * 4);
  const real = view[2] / size;
  const [x, y, w, h] = view;
  look([x + w * px * (1 - 1 / real), y + h * py * (1 - 1 / real), w / real, h / real]);
}

/** Show the whole, but no larger than is good to read. */
function fit() {
  measure();
  look([...whole]);
  showAt(Math.min(scale(), 1.6));
}

/** Show the picture at a scale, from its left, in the middle of the height. */
function showAt(wanted) {
  const [w, h] = [room[0] / wanted, room[1] / wanted];
  const x = whole[0] + Math.min(0, (whole[2] - w) / 2);
  look([x, whole[1] + (whole[3] - h) / 2, w, h]);
}

/** Start with everything in view; where that is too small to be read, with what can be. */
function start() {
  fit();
  const [least, good] = narrow.matches ? [0.8, 0.9] : [0.5, 0.75];
  if (scale() < least) showAt(good);
}

function move(dx, dy) {
  const unit = 1 / scale();
  look([view[0] - dx * unit, view[1] - dy * unit, view[2], view[3]]);
}

/** Bring boxes into view, or the last of them, where there is no room for all. */
function reveal(...ids) {
  const [w, h] = [room[0] / scale(), room[1] / scale()];
  const [x, y] = [view[0] + (view[2] - w) / 2, view[1] + (view[3] - h) / 2];
  const sides = ids.map((id) => [state.at[id], data.sizes[id]]);
  const [left, top] = [0, 1].map((i) => Math.min(...sides.map(([at]) => at[i])));
  const [right, bottom] = [0, 1].map((i) => Math.max(...sides.map(([at, size]) => at[i] + size[i])));
  if (ids.length > 1 && (right - left > w || bottom - top > h)) return reveal(ids.at(-1));
  const seen = [left >= x && right <= x + w, top >= y && bottom <= y + h];
  look([
    seen[0] ? view[0] : (left + right - view[2]) / 2,
    seen[1] ? view[1] : (top + bottom - view[3]) / 2,
    view[2],
    view[3],
  ]);
}

const pointers = new Map();
let dragged = false;

stage.addEventListener("pointerdown", (event) => {
  if (event.target.closest("button")) return;
  if (!pointers.size) dragged = false;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
});
window.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = [event.clientX, event.clientY];
  const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
  if (!dragged && Math.hypot(dx, dy) < 4) return;
  dragged = true;
  stage.classList.add("panning");
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const apart = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
    zoom(apart(now) / Math.max(apart(before), 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  } else {
    move(dx, dy);
  }
  pointers.set(event.pointerId, now);
});
for (const kind of ["pointerup", "pointercancel"]) {
  window.addEventListener(kind, (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) stage.classList.remove("panning");
  });
}
stage.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  },
  { passive: false },
);
$("in").addEventListener("click", () => zoom(1.3));
$("out").addEventListener("click", () => zoom(1 / 1.3));
$("fit").addEventListener("click", fit);
