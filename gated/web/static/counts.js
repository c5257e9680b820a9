// The counts, and the day as a chart: entries up, exits down, a bar for each quarter of an hour.

const byId = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat("en-GB");
const SVG = "http://www.w3.org/2000/svg";
const QUARTER_MS = 15 * 60 * 1000;
const QUARTERS = 96;
const MIDDLE = 20;
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

let press = async () => null;

export function setUpCounts(pressed) {
  press = pressed;
}

export function drawCounts(counts, census, list, now) {
  const refused = Object.values(counts.refused);
  setText("count-inside", numbers.format(counts.inside));
  setText("count-in", numbers.format(counts.in));
  setText("count-out", numbers.format(counts.out));
  setText("count-refused", numbers.format(refused.reduce((sum, { count }) => sum + count, 0)));
  const words = refused.map(({ count, words: reason }) => `${reason}: ${count}`);
  fill(byId("refusals"), words.map((text) => item(text)));
  const { flow } = counts;
  setText("flow-minute", flow ? passed(flow.minute) : "–");
  setText("flow-quarter", flow ? passed(flow.quarter) : "–");
  drawWhole(counts, census, list);
  drawDay(flow?.quarters ?? {}, now);
  drawDifferences(census?.differences ?? []);
}

function passed({ in: came, out: left }) {
  return `${numbers.format(came)} in, ${numbers.format(left)} out`;
}

function drawWhole(counts, census, list) {
  const whole = census?.whole;
  const age = whole ? `, ${old(whole.age_s)} ago` : "";
  setText("whole-inside", whole ? `${numbers.format(whole.inside)}${age}` : "not known");
  setText("whole-came", whole ? `${numbers.format(whole.came)} of ${numbers.format(whole.expected)}${age}` : "not known");
  const known = list.age_s == null ? "The list was never downloaded." : `Inside is counted from a list ${old(list.age_s)} old and this gate's own scans.`;
  setText("counts-age", census?.offline ? `Offline: counted on by this gate alone. ${known}` : known);
  const isFull = census?.capacity && counts.inside >= census.capacity;
  byId("capacity").hidden = !isFull;
  if (isFull) byId("capacity").querySelector(".words").textContent = `Full: room for ${numbers.format(census.capacity)}`;
}

function drawDay(quarters, now) {
  const last = Math.floor(now / QUARTER_MS) * QUARTER_MS;
  const first = last - (QUARTERS - 1) * QUARTER_MS;
  const bars = Object.entries(quarters)
    .map(([begin, both]) => ({ index: (Date.parse(`${begin}Z`) - first) / QUARTER_MS, ...both }))
    .filter(({ index }) => index >= 0 && index < QUARTERS);
  byId("day").hidden = bars.length === 0;
  const most = Math.max(1, ...bars.flatMap((bar) => [bar.in, bar.out]));
  const shapes = bars.flatMap(({ index, in: came, out: left }) => [
    rect("in", index, MIDDLE - (came / most) * MIDDLE, (came / most) * MIDDLE),
    rect("out", index, MIDDLE, (left / most) * MIDDLE),
  ]);
  byId("day-chart").replaceChildren(...shapes, rect("axis", 0, MIDDLE - 0.15, 0.3, QUARTERS));
  const sum = (key) => numbers.format(bars.reduce((total, bar) => total + bar[key], 0));
  setText("day-words", `The last 24 hours here, from ${clock.format(first)}: ${sum("in")} in, ${sum("out")} out`);
  setText("day-most", `at most ${numbers.format(most)} in 15 minutes`);
}

function rect(kind, x, y, height, width = 0.8) {
  const shape = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y, width, height, class: kind })) shape.setAttribute(name, value);
  return shape;
}

function drawDifferences(found) {
  byId("differs").hidden = found.length === 0;
  const rows = found.map((one) => {
    const place = one.inside_here ? "came in here, outside by the server" : "left here, inside by the server";
    const row = item(`${one.order_code}: ${place}. ${one.why}. `);
    if (one.repairable) row.append(mender(one));
    return row;
  });
  const drawn = JSON.stringify(found);
  // Only when they differ: a rebuilt button would lose the focus.
  if (byId("differences").dataset.drawn !== drawn) fill(byId("differences"), rows);
  byId("differences").dataset.drawn = drawn;
}

function mender({ list_id, position_id, order_code }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  button.dataset.needs = "admin";
  button.textContent = "Check out at the server";
  button.setAttribute("aria-label", `Check out ${order_code} at the server`);
  button.addEventListener("click", () => press(button, "repair", { list_id, position_id }));
  return button;
}

function item(text) {
  const line = document.createElement("li");
  line.textContent = text;
  return line;
}

function fill(list, items) {
  list.replaceChildren(...items);
}

function setText(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function old(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
