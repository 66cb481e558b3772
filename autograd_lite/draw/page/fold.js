// Modules: frames around their boxes, which fold into one box; where everything stands then.

const modules = new Map(data.modules.map((module) => [module.id, module]));
const frames = new Map(); // What is below the arrows, and what is above them.
let arrows = new Map(); // From "start>end" to the arrow between two boxes that are seen.
const unfolded = data.states.find((other) => !other.folded.length);
let state = data.states[0];

/** The box that something is seen in: its own, or that of a folded module. */
const homeOf = (id) => state.home[id] ?? id;

function words(module, x, y) {
  const title = draw("text", { class: "title", x, y }, module.folded);
  return [title, draw("text", { class: "remark", x, y: y + 15 }, module.remark)];
}

function button(module, open, ...content) {
  const label = `${module.title} ${module.remark}, ${open ? "fold" : "unfold"}`;
  const attributes = { tabindex: 0, role: "button", "aria-expanded": open, "aria-label": label };
  const made = draw("g", { ...attributes, "data-module": module.id }, ...content);
  made.append(draw("title", {}, `${open ? "Fold" : "Unfold"} ${module.title}`));
  return made;
}

for (const module of modules.values()) {
  const [width, height] = data.sizes[module.id];
  const folded = button(module, false);
  folded.setAttribute("class", "node module");
  folded.append(
    draw("rect", { width, height, rx: 7 }),
    draw("path", { class: "sign", d: `M13 ${height / 2}h10m-5 -5v10` }),
    ...words(module, 34, module.remark ? 20 : 21),
  );
  $("boxes").append(folded);
  boxes.set(module.id, folded);

  const head = button(module, true);
  head.setAttribute("class", "head");
  head.append(
    draw("rect", { class: "grip", x: 4, y: 3, width: module.head, height: 19, rx: 4 }),
    draw("path", { class: "sign", d: "M10 12.5h8" }),
    draw("text", { x: 23, y: 16.5 }, draw("tspan", { class: "title" }, module.title + "  "), module.remark),
  );
  const frame = [draw("rect", { class: "area", rx: 9 }), head].map((part) => draw("g", { class: "frame" }, part));
  $("frames").append(frame[0]);
  $("heads").append(frame[1]);
  frames.set(module.id, frame);
}

/** Put everything where it is in a state. */
function arrange(next) {
  state = next;
  for (const [id, box] of boxes) {
    const at = state.at[id];
    box.classList.toggle("away", !at);
    if (at) box.style.transform = `translate(${at[0]}px, ${at[1]}px)`;
  }
  for (const [id, frame] of frames) {
    const found = state.frames[id];
    for (const part of frame) part.classList.toggle("away", !found);
    if (!found) continue;
    const [x, y, width, height] = found;
    for (const part of frame) part.style.transform = `translate(${x}px, ${y}px)`;
    const area = frame[0].querySelector(".area");
    area.setAttribute("width", width);
    area.setAttribute("height", height);
  }
  arrows = new Map();
  for (const [from, to, line, points, mention] of [...state.edges, ...state.handed]) {
    const handed = arrows.size >= state.edges.length; // From the end of a loop to its start.
    const arrow = draw("g", { class: "edge", "data-from": from, "data-to": to });
    if (handed) {
      arrow.classList.add("handed");
      arrow.append(draw("title", {}, "What a round hands on to the next one"));
    }
    arrow.append(draw("path", { d: line }), draw("polygon", { points }));
    if (mention) {
      const [text, x, y, width] = mention;
      arrow.append(draw("rect", { x, y, width, height: 15, rx: 4 }));
      arrow.append(draw("text", { x: x + width / 2, y: y + 11.5 }, text));
      arrow.addEventListener("click", () => !dragged && reveal(from));
    }
    arrows.set(from + (handed ? "<" : ">") + to, arrow);
  }
  $("arrows").replaceChildren(...arrows.values());
  whole = state.view;
  $("folds").textContent = state.folded.length ? "Unfold" : "Fold";
}

/** Go to the state nearest to the one that is wanted, among those that will do. */
function approach(wanted, others) {
  const apart = (other) =>
    other.folded.filter((x) => !wanted.has(x)).length +
    [...wanted].filter((x) => !other.folded.includes(x)).length;
  const best = others.reduce((a, b) => (apart(b) < apart(a) ? b : a));
  change(best);
  if (apart(best)) $("paths").textContent = "Of so many modules, others fold and unfold along.";
}

function fold(id) {
  const has = (module) => data.states.filter((other) => other.folded.includes(module));
  let module = id;
  while (!has(module).length) module = modules.get(module).parent; // The outermost fold together.
  const wanted = new Set(state.folded.filter((other) => !within(other, module)).concat(module));
  approach(wanted, has(module));
  boxes.get(module).focus({ preventScroll: true });
}

function open(id) {
  const wanted = new Set(state.folded.filter((other) => other !== id));
  approach(wanted, data.states.filter((other) => other.frames[id]));
}

function unfold(id) {
  open(id);
  frames.get(id)[1].querySelector(".head").focus({ preventScroll: true });
}

function within(id, outer) {
  for (let at = modules.get(id); at; at = modules.get(at.parent)) if (at.id === outer) return true;
  return false;
}

function change(next) {
  arrange(next);
  start();
  refresh();
}

/** Unfold what a box is in, so that it can be seen. */
function unfoldTo(id) {
  while (state.home[id]) open(state.home[id]);
}

svg.addEventListener("click", (event) => {
  const module = event.target.closest("g[data-module]");
  if (!dragged && module) toggleFold(module);
});
svg.addEventListener("keydown", (event) => {
  const module = event.target.closest("g[data-module]");
  if (module && event.key === "Enter") toggleFold(module);
});

function toggleFold(module) {
  (module.getAttribute("aria-expanded") === "true" ? fold : unfold)(module.dataset.module);
}

$("folds").hidden = !modules.size;
$("folds").addEventListener("click", () => {
  const fewest = (a, b) => (Object.keys(b.at).length < Object.keys(a.at).length ? b : a);
  change(state.folded.length ? unfolded : data.states.reduce(fewest));
});
