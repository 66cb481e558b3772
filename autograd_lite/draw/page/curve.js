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
  const dots = places.map(() => draw("circle", { r: 3.5 }));
  if (places.length === 1) mark.append(...dots);
  shown.append(mark);
  const show = (k) => {
    mark.style.transform = `translate(${x(k)}px, 0)`;
    if (places.length > 1) return;
    dots[0].setAttribute("visibility", places[0][k] === null ? "hidden" : "visible");
    if (places[0][k] !== null) dots[0].setAttribute("cy", y(places[0][k]));
  };
  return { shown, show, log, ends };
}
