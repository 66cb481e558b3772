// Which paths lead from a box to the result: shown while the pointer or the focus is on it.

const users = new Map(Object.keys(data.boxes).map((id) => [id, []]));
for (const [from, to, times] of data.edges) users.get(from)?.push([to, times]);

/** Everything that is computed from a box, with the number of paths from it to the results. */
function pathsFrom(id) {
  const reached = new Set([id]);
  for (const from of reached) for (const [to] of users.get(from) ?? []) reached.add(to);
  const inOrder = Object.keys(data.boxes).filter((key) => reached.has(key)).reverse();
  const count = new Map();
  for (const key of inOrder) {
    const onward = (users.get(key) ?? []).map(([to, times]) => BigInt(times) * (count.get(to) ?? 0n));
    const here = data.outputs.includes(key) ? 1n : 0n;
    count.set(key, onward.reduce((sum, x) => sum + x, here));
  }
  return [reached, count.get(id)];
}

function trace(id) {
  const members = modules.get(id)?.boxes ?? [id];
  const reached = new Set(members.flatMap((member) => [...pathsFrom(member)[0]]).map(homeOf));
  for (const [key, box] of boxes) box.classList.toggle("path", reached.has(key));
  for (const arrow of arrows.values()) {
    arrow.classList.toggle("path", reached.has(arrow.dataset.from) && reached.has(arrow.dataset.to));
  }
  svg.classList.add("tracing");
  tell(id);
}

/** Say along how many paths a value reaches the result. */
function tell(id) {
  const box = data.boxes[id];
  if (!box || data.outputs.includes(id)) return;
  const count = pathsFrom(id)[1];
  const many = count < 10n ** 9n ? count.toLocaleString("en") : "more than a billion";
  $("paths").textContent =
    `${box.name || box.label} reaches ${data.root} along ${many} path${count === 1n ? "" : "s"}.`;
}

function untrace() {
  svg.classList.remove("tracing");
  $("paths").textContent = "";
}

for (const [id, box] of boxes) {
  box.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && trace(id));
  box.addEventListener("pointerleave", untrace);
  box.addEventListener("focus", () => box.matches(":focus-visible") && (reveal(id), trace(id)));
  box.addEventListener("blur", untrace);
}
