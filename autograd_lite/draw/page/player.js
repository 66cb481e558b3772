// The clock that plays the steps, or the training; buttons, keyboard, colours.

const END = (training ? training.labels.length : steps.length) - 1;
const PACE = training ? Math.min(Math.max(15000 / (END + 1), 60), 600) : 2200;
// Milliseconds at speed 1: for a step, time to read a sentence; for a training, a quarter of a minute in all.

let at = 0;
let clock = null;
const speed = () => Number($("speed").value);

function show(k) {
  at = Math.min(Math.max(k, 0), END);
  if (training) showFrame(at);
  else showStep(at);
  $("scrub").value = at;
  $("scrub").setAttribute("aria-valuetext", `${at} of ${END}: ${$("caption").textContent}`);
  $("count").textContent = training
    ? training.labels[at].toLocaleString("en")
    : `${at} / ${END}`;
}

const refresh = () => show(at);

function playing(on) {
  clearTimeout(clock);
  clock = null;
  $("play").textContent = on ? "❚❚ Pause" : "▶ Play";
  $("play").setAttribute("aria-label", on ? "Pause" : "Play");
  $("caption").setAttribute("aria-live", on ? "off" : "polite");
  if (on) clock = setTimeout(tick, PACE / speed());
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

// ---------------------------------------------------------------- keyboard, colours

const KEYS = {
  " ": toggle,
  ArrowRight: () => go(at + 1),
  ArrowLeft: () => go(at - 1),
  Home: () => go(0),
  End: () => go(END),
  "+": () => zoom(1.3),
  "-": () => zoom(1 / 1.3),
  0: fit,
  "/": () => $("search").focus(),
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

arrange(data.states[0]);
start();
show(Number(location.hash.replace("#step=", "")) || 0);
// Everything is in its place now; from here on it moves there.
requestAnimationFrame(() => requestAnimationFrame(() => svg.classList.add("ready")));
