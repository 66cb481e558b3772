// The steps: which one is shown, what it lights up, and the clock that plays them.

const steps = data.steps;
const END = steps.length - 1;
const PACE = 2200; // Milliseconds for a step, at speed 1: time to read a sentence.
const valueAt = new Map();
const gradAt = new Map();
steps.forEach((step, k) => {
  for (const id of step.values) valueAt.set(id, valueAt.get(id) ?? k);
  for (const id of step.grads) gradAt.set(id, k);
});

let at = 0;
let clock = null;

function piece(part) {
  if (part.rows) {
    const cells = (row) => make("tr", "", ...row.map((x) => make("td", "", x)));
    const matrix = make("table", "matrix number" + (part.grad ? " grad" : ""));
    matrix.append(make("tbody", "", ...part.rows.map(cells)));
    return part.factor ? make("span", "", matrix, part.factor) : matrix;
  }
  return make("span", part.number ? "number" + (part.grad ? " grad" : "") : "", part.text);
}

function show(k) {
  at = Math.min(Math.max(k, 0), END);
  const step = steps[at];
  const back = step.phase === "backward";
  const sent = new Set(step.edges.map(([from, to]) => from + ">" + to));
  const targets = new Set(back ? step.edges.map(([from]) => from) : []);
  for (const [id, box] of boxes) {
    box.classList.toggle("pending", !(valueAt.get(id) <= at));
    box.classList.toggle("waiting", !(gradAt.get(id) <= at));
    box.classList.toggle("now", step.box === id);
    box.classList.toggle("back", step.box === id && back);
    box.classList.toggle("target", targets.has(id));
  }
  for (const [key, arrow] of arrows) {
    arrow.classList.toggle("pending", !(valueAt.get(arrow.dataset.to) <= at));
    arrow.classList.toggle("sending", sent.has(key));
    arrow.classList.toggle("back", sent.has(key) && back);
  }
  $("caption").textContent = step.caption;
  $("lines").replaceChildren(...step.lines.map((line) => make("div", "line", ...line.map(piece))));
  $("now").scrollTop = 0;
  $("scrub").value = at;
  $("scrub").setAttribute("aria-valuetext", `${at} of ${END}: ${step.caption}`);
  $("count").textContent = `${at} / ${END}`;
  $("controls").classList.toggle("back", back);
  const active = boxes.get(step.box);
  if (active) reveal(active);
}

// ---------------------------------------------------------------- the clock

function playing(on) {
  clearTimeout(clock);
  clock = null;
  $("play").textContent = on ? "❚❚ Pause" : "▶ Play";
  $("play").setAttribute("aria-label", on ? "Pause" : "Play");
  $("caption").setAttribute("aria-live", on ? "off" : "polite");
  if (on) clock = setTimeout(tick, PACE / Number($("speed").value));
}

function tick() {
  show(at + 1);
  playing(at < END);
}

function toggle() {
  if (clock !== null) playing(false);
  else {
    show(at === END ? 0 : at + 1);
    playing(at < END);
  }
}

function go(k) {
  playing(false);
  show(k);
}

$("scrub").max = END;
$("scrub").addEventListener("input", () => go(Number($("scrub").value)));
$("play").addEventListener("click", toggle);
$("first").addEventListener("click", () => go(0));
$("back").addEventListener("click", () => go(at - 1));
$("next").addEventListener("click", () => go(at + 1));
$("last").addEventListener("click", () => go(END));
$("speed").addEventListener("change", () => clock !== null && playing(true));

// ---------------------------------------------------------------- keyboard, theme

const KEYS = {
  " ": toggle,
  ArrowRight: () => go(at + 1),
  ArrowLeft: () => go(at - 1),
  Home: () => go(0),
  End: () => go(END),
  "+": () => zoom(1.3),
  "-": () => zoom(1 / 1.3),
  0: fit,
  Escape: close,
};

document.addEventListener("keydown", (event) => {
  const busy = event.target.closest("input[type=search], select");
  const pressed = event.key === " " && event.target.closest("button"); // Space presses it.
  if (event.ctrlKey || event.metaKey || event.altKey || pressed) return;
  if ((busy && event.key !== "Escape") || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

const system = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "")) === "dark";
const told = () => $("theme").setAttribute("aria-pressed", dark());
$("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  told();
});
system.addEventListener("change", told);
told();

start();
show(Number(location.hash.replace("#step=", "")) || 0);
