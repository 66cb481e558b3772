// What is known of a box, beside the picture. Names are only ever set as text.

/** Make a cell with a number in it, in six digits; the tooltip has all of them. */
function cell(x) {
  const short = typeof x === "number" ? String(Number(x.toPrecision(6))) : String(x);
  const shown = make("td", "", typeset(short));
  shown.title = String(x);
  return shown;
}

/** Show an array as tables: one for each matrix in it. */
function array(found, className) {
  const shown = make("div", "array " + className);
  shown.tabIndex = 0;
  shown.setAttribute("role", "region");
  shown.setAttribute("aria-label", className === "grad" ? "Gradient, in full" : "Value, in full");
  if (found.summary) shown.append(make("p", "", found.summary));
  else if (found.shape.includes(0)) shown.append(make("p", "", "empty"));
  else tables(found.entries, found.shape, "", shown);
  return shown;
}

function tables(part, shape, index, into) {
  if (shape.length > 2) {
    part.forEach((inner, i) => tables(inner, shape.slice(1), index + i + ", ", into));
    return;
  }
  if (index) into.append(make("div", "", `[${index}:, :]`));
  const rows = shape.length === 2 ? part : [shape.length ? part : [part]];
  const body = make("tbody");
  for (const row of rows) {
    body.append(make("tr", "", ...row.map(cell)));
  }
  into.append(make("table", "", body));
}

const LEAST_HEAT = 37; // Entries from which on an array is also painted: fewer are read as they are.
const MOST_HEAT = 48; // Squares along a side.

/** Paint a matrix: orange above 0, blue below, the stronger the larger; of many entries, their means. */
function heat({ entries, shape }) {
  if (!entries || shape.length > 2 || shape.reduce((a, b) => a * b, 1) < LEAST_HEAT) return [];
  const rows = shape.length === 2 ? entries : [entries];
  const [height, width] = [rows.length, rows[0].length].map((n) => Math.min(n, MOST_HEAT));
  const at = (i, n, all) => Math.floor((i * all) / n);
  const mean = (i, j) => {
    let [sum, count] = [0, 0];
    for (let k = at(i, height, rows.length); k < at(i + 1, height, rows.length); k++)
      for (let l = at(j, width, rows[0].length); l < at(j + 1, width, rows[0].length); l++)
        if (Number.isFinite(rows[k][l])) [sum, count] = [sum + rows[k][l], count + 1];
    return count ? sum / count : NaN;
  };
  const means = Array.from({ length: height }, (_, i) => Array.from({ length: width }, (_, j) => mean(i, j)));
  const top = Math.max(...means.flat().map(Math.abs).filter(Number.isFinite), 1e-300);
  const painted = draw("svg", { class: "heat", viewBox: `0 0 ${width} ${height}`, role: "img" });
  painted.setAttribute("aria-label", "The same, painted: orange above 0, blue below");
  painted.style.maxWidth = `${width * 14}px`;
  means.forEach((line, i) => line.forEach((x, j) => {
    const kind = Number.isNaN(x) ? "missing" : x < 0 ? "below" : "above";
    const strength = (Math.abs(x) / top || 0).toFixed(3);
    painted.append(draw("rect", { class: kind, x: j, y: i, width: 1, height: 1, "fill-opacity": strength }));
  }));
  return [painted];
}

let chosen = null;

function choose(id) {
  if (chosen) boxes.get(chosen).classList.remove("chosen");
  chosen = id;
  $("details").hidden = id === null;
  if (id === null) return;
  unfoldTo(id);
  boxes.get(id).classList.add("chosen");
  describe();
  $("details").scrollTop = 0;
  if (narrow.matches) $("details").scrollIntoView();
}

/** Show what is known of the chosen box, as of now. */
function describe() {
  if (chosen) $("facts").replaceChildren(...facts(data.boxes[chosen]));
}

function facts(box) {
  const list = make("dl");
  const fact = (what, text, tag) => {
    if (text) list.append(make("dt", "", what), make("dd", "", tag ? make(tag, "", text) : text));
  };
  fact("kind", box.role);
  fact("operation", box.operation);
  fact("formula", box.formula);
  fact("NumPy", box.code, "code");
  fact("shape", box.shape);
  fact("module", box.module);
  if (box.source) {
    list.append(make("dt", "", "source"), make("dd", "", box.source.at, make("code", "line", box.source.text)));
  } else if (box.operation) {
    const how = make("dd", "quiet", "not recorded; compute it inside ", make("code", "", "with al.record_source():"));
    list.append(make("dt", "", "source"), how);
  }
  const shown = [make("h2", "", box.name || box.label), list];
  if (box.members) {
    shown.push(...box.members.map((line) => make("div", "", make("code", "", line))));
    const more = box.count - box.members.length;
    if (more) shown.push(make("div", "", `and ${more} more`));
    return shown;
  }
  const [value, grad] = data.frames ? [valueNow(chosen), gradNow(chosen)] : [box.value, box.grad];
  shown.push(make("h3", "", "value"), array(value, "value"), ...heat(value));
  shown.push(make("h3", "", `gradient ${box.partial}`));
  const waits = !data.frames && grad && boxes.get(homeOf(chosen)).classList.contains("waiting");
  if (waits) shown.push(make("p", "quiet", `arrives in step ${gradAt.get(chosen) ?? END} of ${END}`));
  else if (grad) shown.push(array(grad, "grad"), ...heat(grad));
  else shown.push(make("p", "", box.needs ? "no gradient arrives here" : "needs no gradient"));
  if (box.kept && !waits) {
    const sum = `sum of ${box.passes} backward passes: there was no zero_grad between them`;
    const why = box.passes > 1 ? sum : "a hook, or somebody, has changed it";
    shown.push(make("h3", "", `in .grad: ${why}`));
    shown.push(array(box.kept, "grad"));
  }
  if (data.frames) shown.push(...histories(chosen));
  for (const part of box.locals ?? []) {
    shown.push(make("h3", "", `by ${part.by}`));
    if (part.rule) shown.push(make("p", "", (part.multiplies ? "gradient " : "") + part.rule));
    if (part.value) shown.push(make("div", "", "local derivative"), array(part.value, "value"));
    if (!waits) shown.push(make("div", "", "sent back"), array(part.part, "grad"));
  }
  return shown;
}

svg.addEventListener("click", (event) => {
  const box = event.target.closest("g[data-id]");
  if (!dragged && box) choose(box.dataset.id);
});
svg.addEventListener("keydown", (event) => {
  const box = event.target.closest("g[data-id]");
  if (box && event.key === "Enter") {
    choose(box.dataset.id);
    $("details").focus();
  }
});
function close() {
  const box = boxes.get(chosen);
  choose(null);
  box?.focus({ preventScroll: true });
}
$("close").addEventListener("click", close);

// ---------------------------------------------------------------- search

let matches = [];

$("search").addEventListener("input", () => {
  const wanted = $("search").value.trim().toLowerCase();
  matches = [];
  const hits = new Set();
  for (const [id, { label, name, formula, members }] of Object.entries(data.boxes)) {
    const texts = [label, name, formula, ...(members ?? [])];
    if (wanted === "" || !texts.some((text) => text?.toLowerCase().includes(wanted))) continue;
    matches.push(id);
    hits.add(id).add(homeOf(id));
  }
  for (const [id, box] of boxes) box.classList.toggle("match", hits.has(id));
  $("found").textContent = wanted ? `${matches.length} found` : "";
});
$("search").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !matches.length) return;
  const id = matches.shift();
  matches.push(id);
  choose(id);
  reveal(id);
});
