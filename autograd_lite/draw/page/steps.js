// The steps of a computation: what each of them lights up, and what travels along the arrows.

const steps = data.steps ?? [];
const valueAt = new Map();
const gradAt = new Map();
steps.forEach((step, k) => {
  for (const id of step.values) valueAt.set(id, valueAt.get(id) ?? k);
  for (const id of step.grads) gradAt.set(id, k);
});

/** The step from which on everything in a box, or in a folded module, is computed. */
function doneAt(id) {
  const members = modules.get(id)?.boxes ?? [id];
  return Math.max(...members.map((member) => valueAt.get(member) ?? Infinity));
}

function piece(part) {
  if (part.rows) {
    const cells = (row) => make("tr", "", ...row.map((x) => make("td", "", x)));
    const matrix = make("table", "matrix number" + (part.grad ? " grad" : ""));
    matrix.append(make("tbody", "", ...part.rows.map(cells)));
    return part.factor ? make("span", "", matrix, part.factor) : matrix;
  }
  return make("span", part.number ? "number" + (part.grad ? " grad" : "") : "", part.text);
}

function showStep(k) {
  const step = steps[k];
  const back = step.phase === "backward";
  const moves = step.edges.map((ends) => ends.map(homeOf));
  const sent = new Set(moves.map(([from, to]) => from + ">" + to));
  const targets = new Set(back ? moves.map(([from]) => from) : []);
  const now = step.box === null ? null : homeOf(step.box);
  for (const [id, box] of boxes) {
    box.classList.toggle("pending", doneAt(id) > k);
    box.classList.toggle("waiting", !(gradAt.get(id) <= k));
    box.classList.toggle("now", now === id);
    box.classList.toggle("back", now === id && back);
    box.classList.toggle("target", targets.has(id) && now !== id);
  }
  for (const [key, arrow] of arrows) {
    arrow.classList.toggle("pending", doneAt(arrow.dataset.to) > k);
    arrow.classList.toggle("sending", sent.has(key));
    arrow.classList.toggle("back", sent.has(key) && back);
  }
  $("caption").textContent = step.caption;
  $("lines").replaceChildren(...step.lines.map((line) => make("div", "line", ...line.map(piece))));
  $("now").scrollTop = 0;
  $("controls").classList.toggle("back", back);
  const mentioned = (id) => arrows.get(id + ">" + now)?.querySelector("rect");
  if (now) reveal(now, ...[...targets].filter((id) => !mentioned(id)));
  describe();
  $("movers").replaceChildren();
  if (step.parts) count(step.parts);
  send([...sent].map((key) => arrows.get(key)).filter(Boolean), back, step.cargo);
}

/** Say at a box how many of the parts of its gradient have arrived. */
function count([id, arrived, total]) {
  const at = state.at[homeOf(id)];
  const text = `${arrived} of ${total} parts`;
  const badge = draw("g", { class: "badge" }, draw("rect", { width: 62, height: 16, rx: 8 }));
  badge.append(draw("text", { x: 31, y: 11.5 }, text));
  badge.style.transform = `translate(${at[0] + 4}px, ${at[1] - 18}px)`;
  $("movers").append(badge);
}

// ---------------------------------------------------------------- what travels

const JOURNEY = 1000; // Milliseconds along an arrow, at speed 1.
let frame = 0;

/** Let the values, or the gradient, travel along arrows once. */
function send(along, back, cargo) {
  cancelAnimationFrame(frame);
  if (still.matches || !along.length) return;
  const travellers = along.map((arrow) => {
    const line = arrow.querySelector("path");
    const mover = draw("g", { class: "mover" + (back ? " back" : "") }, draw("circle", { r: 5 }));
    if (cargo) mover.append(draw("text", { y: -10 }, cargo));
    $("movers").append(mover);
    return [mover, line, line.getTotalLength()];
  });
  const began = performance.now();
  const duration = JOURNEY / Math.max(speed(), 1);
  const step = (time) => {
    const part = Math.min(Math.max(time - began, 0) / duration, 1);
    const eased = part * part * (3 - 2 * part);
    for (const [mover, line, length] of travellers) {
      const { x, y } = line.getPointAtLength(length * (back ? 1 - eased : eased));
      mover.style.transform = `translate(${x}px, ${y}px)`;
      if (part === 1) mover.remove();
    }
    if (part < 1) frame = requestAnimationFrame(step);
  };
  step(began);
}
