// Curves: the loss above the scrub bar, and how the entries of an array went.

const FACTOR = 50; // From this ratio of largest to smallest on, the axis is logarithmic.

/** Scale numbers to 0 … 1, bottom to top; null for what cannot be shown. */
function scaled(series) {
  const every = series.flat().filter(Number.isFinite);
  const log = every.length > 0 && Math.min(...every) > 0 && Math.max(...every) > FACTOR * Math.min(...every);
  const at = (x) => (log ? Math.log(x) : x);
  const [low, high] = [Math.min(...every.map(at)), Math.max(...every.map(at))];
  const place = (x) => (Number.isFinite(x) ? (high > low ? (at(x) - low) / (high - low) : 0.5) : null);
  return { log, ends: [Math.min(...every), Math.max(...every)], places: series.map((line) => line.map(place)) };
}

/** Draw series over the recorded steps into a picture of some size, and a mark at the present one. */
function curve(series, className, width, height, side) {
  const { log, ends, places } = scaled(series);
  const pad = 6;
  const x = (k) => side + across(k) * (width - 2 * side);
  const y = (part) => height - pad - part * (height - 2 * pad);
  const shown = draw("svg", { class: "curve " + className, viewBox: `0 0 ${width} ${height}` });
  for (const line of places) {
    let path = "";
    let pen = "M";
    line.forEach((part, k) => {
      if (part !== null) path += `${pen}${x(k).toFixed(1)} ${y(part).toFixed(1)}`;
      pen = part === null ? "M" : "L";
    });
    if (path) shown.append(draw("path", { d: path }));
  }
  const mark = draw("g", { class: "mark" }, draw("path", { d: `M0 ${pad / 2}V${height - pad / 2}` }));
  const dot = draw("path", { class: "dot" }); // Of no length: its round ends stay round in any width.
  if (places.length === 1) mark.append(dot);
  shown.append(mark);
  const show = (k) => {
    mark.style.transform = `translate(${x(k)}px, 0)`;
    dot.setAttribute("d", places[0][k] === null ? "" : `M0 ${y(places[0][k])}h0`);
  };
  return { shown, show, log, ends };
}

// Recorded steps of a training: the numbers of each on the same graph, and the curve of the loss.

const training = data.frames;
const LONGEST_CURVES = 64; // Entries of an array that have a curve each.
let present = 0;

/** Where a recorded step stands between the first and the last one, from 0 to 1. */
function across(k) {
  const labels = training.labels;
  const rising = labels.every((label, i) => !i || label > labels[i - 1]);
  const [first, last] = rising ? [labels[0], labels.at(-1)] : [0, labels.length - 1];
  return last > first ? ((rising ? labels[k] : k) - first) / (last - first) : 0.5;
}

if (training) {
  // What has not changed is written once.
  for (const kind of ["values", "grads"]) {
    for (const line of Object.values(training[kind])) {
      line.forEach((entries, k) => (line[k] = entries ?? line[k - 1] ?? null));
    }
  }
}

function now(kind, id) {
  const [shape, entries] = [data.boxes[id].axes, training[kind][id]?.[present]];
  if (entries) return { shape, entries: nested(entries, shape) };
  const sums = training.sums[kind][id]?.[present];
  return sums ? { shape, summary: sums.map((pair) => pair.join(" ")).join(", ") } : null;
}
const valueNow = (id) => now("values", id);
const gradNow = (id) => now("grads", id);

function nested(entries, shape) {
  if (!shape.length) return entries[0];
  if (shape.length === 1) return entries;
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  return Array.from({ length: shape[0] }, (_, i) =>
    nested(entries.slice(i * size, (i + 1) * size), shape.slice(1)),
  );
}

/** Write a number in four significant digits, and in as much room as −0.08888 takes, or so. */
function brief(x) {
  if (typeof x !== "number") return String(x).replace("inf", "∞").replace("-", "−");
  const size = Math.abs(x);
  const plain = x === 0 || (size >= 1e-3 && size < 1e5);
  const decimals = plain && x !== 0 ? Math.min(4, Math.max(0, 3 - Math.floor(Math.log10(size)))) : 0;
  const text = Number.isInteger(x) && size < 1e5 ? String(x) : plain ? x.toFixed(decimals) : x.toExponential(1);
  return typeset(text);
}

// ---------------------------------------------------------------- in the boxes

const slots = new Map(); // The texts of a box that are numbers, with the room that each has.
if (training) {
  for (const [id, content] of contents) {
    for (const [kind, name] of [["values", "value"], ["grads", "grad"]]) {
      const found = [...content.querySelectorAll(`text.number.${name}`)];
      const room = found.map((text) => Number(text.getAttribute("textLength")));
      if (found.length > 1) found.forEach((text, i) => flushRight(text, room[i]));
      slots.set(kind + id, [found, room]);
    }
  }
}

/** Let a text end where it ends now, whatever will stand in it. */
function flushRight(text, length) {
  if (text.getAttribute("text-anchor") !== "start") return;
  text.setAttribute("x", Number(text.getAttribute("x")) + length);
  text.setAttribute("text-anchor", "end");
}

function fill(kind, id) {
  const [texts, room] = slots.get(kind + id);
  const sums = training.sums[kind][id]?.[present];
  const shown = sums ? sums.map(([, text]) => text) : (training[kind][id]?.[present] ?? []).map(brief);
  texts.forEach((text, i) => {
    const content = shown[i] ?? "";
    if (text.textContent === content) return;
    text.textContent = content;
    text.removeAttribute("textLength");
    text.classList.toggle("odd", /nan|∞/.test(content));
    const length = content.length > 6 ? text.getComputedTextLength() : 0;
    if (length > room[i]) text.setAttribute("textLength", room[i]);
  });
}

// ---------------------------------------------------------------- curves

let losses = null;
if (training) {
  losses = curve([training.losses], "loss", 1000, 90, 0);
  const [low, high] = losses.ends.map((x) => (Number.isFinite(x) ? brief(x) : "none"));
  const named = `${data.root}${losses.log ? " (log scale)" : ""}: highest ${high}, lowest ${low}`;
  losses.shown.setAttribute("preserveAspectRatio", "none");
  losses.shown.setAttribute("role", "img");
  losses.shown.setAttribute("aria-label", named);
  $("curve").append(make("div", "", named), losses.shown);
  $("curve").hidden = false;
  document.documentElement.classList.add("training");
  const jump = (event) => {
    const area = losses.shown.getBoundingClientRect();
    const gaps = training.labels.map((_, k) => Math.abs(area.left + across(k) * area.width - event.clientX));
    go(gaps.indexOf(Math.min(...gaps)));
  };
  losses.shown.addEventListener("pointerdown", (event) => {
    losses.shown.setPointerCapture(event.pointerId);
    jump(event);
  });
  losses.shown.addEventListener("pointermove", (event) => event.buttons && jump(event));
}

/** Draw how the entries of the chosen array, and of its gradient, went. */
function histories(id) {
  const shown = [];
  for (const [kind, what] of [["values", "value"], ["grads", "gradient"]]) {
    const frames = training[kind][id];
    if (!frames?.[0] || frames[0].length > LONGEST_CURVES) continue;
    const series = frames[0].map((_, i) => frames.map((entries) => entries?.[i]));
    if (series.every((line) => line.every((x) => x === line[0]))) continue;
    const made = curve(series, kind === "grads" ? "grad" : "value", 340, 110, 6);
    made.show(present);
    const [low, high] = made.ends.map(brief);
    shown.push(make("h3", "", `${what} over the training: ${low} to ${high}${made.log ? " (log scale)" : ""}`));
    made.shown.setAttribute("role", "img");
    made.shown.setAttribute("aria-label", `Every entry of the ${what}, from ${low} to ${high}`);
    shown.push(made.shown);
  }
  return shown;
}

// ---------------------------------------------------------------- one recorded step

function showFrame(k) {
  const before = present;
  present = k;
  for (const id of boxes.keys()) {
    if (!data.boxes[id]) continue;
    fill("values", id);
    fill("grads", id);
  }
  losses.show(k);
  $("caption").textContent = sentence(k);
  const change = changes(k);
  $("lines").replaceChildren(...change.map((text) => make("div", "", text)));
  if (before !== k) describe();
}

function sentence(k) {
  const [label, loss] = [training.labels[k], training.losses[k]];
  const start = `Step ${label.toLocaleString("en")}: ${data.root} is ${brief(loss)}`;
  if (k === 0) return `${start}, at the start of what was recorded.`;
  const before = training.losses[k - 1];
  if (!Number.isFinite(loss) || !Number.isFinite(before)) return `${start}.`;
  const gap = loss - before;
  if (gap === 0) return `${start}, as before.`;
  const way = gap < 0 ? "less" : "more";
  return `${start}, ${brief(Math.abs(gap))} ${way} than at step ${training.labels[k - 1].toLocaleString("en")}.`;
}

/** Say which parameters have moved most since the recorded step before. */
function changes(k) {
  if (k === 0) return [];
  const moved = [];
  for (const [id, box] of Object.entries(data.boxes)) {
    const [a, b] = [training.values[id]?.[k - 1], training.values[id]?.[k]];
    if (!box.trained || !a || !b) continue;
    const gap = Math.max(...b.map((x, i) => Math.abs(x - a[i])).filter(Number.isFinite), 0);
    const slope = Math.max(...(training.grads[id]?.[k] ?? []).map(Math.abs).filter(Number.isFinite), 0);
    moved.push([gap, `${box.name || box.label}: moved by at most ${brief(gap)}; largest entry of the gradient ${brief(slope)}`]);
  }
  return moved.sort((a, b) => b[0] - a[0]).slice(0, 4).map(([, text]) => text);
}
