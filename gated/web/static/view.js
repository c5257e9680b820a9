// Draws a state of the gate into the page. Whatever comes from the gate is text, never markup.

import { drawClosing } from "./closing.js";
import { drawCounts } from "./counts.js";
import { drawEnrolment } from "./enrolment.js";
import { drawAccess } from "./login.js";
import { drawShelf } from "./shelf.js";
import { MODE, SETTLED } from "./words.js";

const GO = { admit: "Go", attention: "Go, with attention", refuse: "Stop" };
const LEVEL_ICON = { ok: "admit", warning: "attention", error: "refuse" };
const LEVEL_WORDS = { ok: "Well", warning: "Warning", error: "Error" };
const FRESH_MS = 8000;

const byId = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const since = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });
const numbers = new Intl.NumberFormat("en-GB");

let shown = null;
let aheadMs = 0;
let receivedMs = 0;
let announcedNonce;

export const switchTo = () => (shown?.gate.mode === "entry" ? "exit" : "entry");
export const lastScan = () => shown?.scans[0]?.nonce ?? "";
export const isFree = () => shown?.gate.emergency?.on === true;
export const isLocked = () => shown?.gate.locked === true;
export const isPlugged = () => shown?.demo?.cable === true;
export const hasPicture = () => shown?.camera?.picture === true && shown.access !== "view";
export const stateTime = () => (shown ? clock.format(new Date(shown.time)) : "");

export function drawState(state) {
  shown = state;
  receivedMs = Date.now();
  aheadMs = Date.parse(state.time) - receivedMs;
  drawPanel(state.panel);
  drawGate(state);
  drawLamps(state.lamps);
  drawVerdict(state.scans[0]);
  drawCounts(state.counts, state.census, state.list, Date.parse(state.time));
  drawScans(state.scans);
  drawServer(state);
  drawHealth(state.health);
  drawCamera(state.camera);
  drawScanners(state.scanners ?? []);
  drawDemo(state.demo);
  drawClosing(state.closing);
  drawEnrolment(state.enrolment, state.access);
  drawAccess(state.access);
  announce(state.scans);
  drawAges();
}

export function drawLamps(lamps) {
  for (const item of byId("lamps").children) {
    const value = lamps[item.dataset.lamp];
    const words = item.dataset.lamp === "buzzer_hz" && value ? `${value} Hz` : value ? "On" : "Off";
    item.dataset.on = value ? "yes" : "no";
    setText(item.querySelector(".value"), value == null ? "–" : words);
  }
}

// The table of signals comes with every state, but only a config changes it.
function drawPanel(panel) {
  byId("signals").hidden = !panel;
  if (!panel) return;
  byId("lamps").querySelector('[data-lamp="relay"]').hidden = !panel.passage;
  setText(byId("status-words"), `Status lamp: ${panel.status}. ${panel.words}`);
  drawSignals(byId("signal-rows"), panel.signals, true);
  drawSignals(byId("pattern-rows"), panel.patterns, false);
}

function drawSignals(list, rows, canPlay) {
  fillList(list, rows.length, () => byId("signal-row").content.firstElementChild.cloneNode(true));
  rows.forEach(({ name, lights, sound, meaning }, index) => {
    const item = list.children[index];
    setText(item.querySelector("strong"), name);
    setText(item.querySelector(".how"), canPlay ? `: ${lights}; sound ${sound}.` : `: ${lights}.`);
    setText(item.querySelector(".meaning"), meaning);
    const play = item.querySelector("button");
    if (!canPlay) play?.remove();
    if (!canPlay || play.dataset.signal) return;
    play.dataset.signal = name.replaceAll(" ", "_");
    play.setAttribute("aria-label", `Play the signal ${name}`);
  });
}

// What depends on the time of day alone; called once a second.
export function drawAges() {
  if (!shown) return;
  const scan = shown.scans[0];
  if (scan) {
    const ageMs = Date.now() + aheadMs - Date.parse(scan.at);
    byId("verdict").dataset.fresh = ageMs < FRESH_MS ? "yes" : "no";
    setText(byId("verdict-age"), ago(ageMs / 1000));
  }
  const sinceS = (Date.now() - receivedMs) / 1000;
  const { list, outbox, server } = shown;
  setText(byId("list-age"), list.age_s == null ? "never" : ago(list.age_s + sinceS));
  const oldest = outbox.waiting && outbox.oldest_s != null ? `, oldest ${ago(outbox.oldest_s + sinceS)}` : "";
  setText(byId("outbox-waiting"), numbers.format(outbox.waiting) + oldest);
  const contactMs = Date.now() + aheadMs - Date.parse(server.last_ok);
  setText(byId("server-last"), server.last_ok ? ago(contactMs / 1000) : "never");
}

function drawGate({ gate, access, health }) {
  const words = MODE[gate.mode] ?? gate.mode;
  const isSick = health.some((part) => part.level === "error");
  document.title = `${isSick ? "Error: " : ""}${gate.name}, ${words}`;
  setText(byId("name"), gate.name);
  setText(byId("version"), `gated ${gate.version}, up since ${since.format(new Date(gate.started))}`);
  byId("mode").dataset.mode = gate.mode;
  setText(byId("mode-words"), words);
  setIcon(byId("mode-icon"), gate.mode);
  byId("mode-button").disabled = false;
  byId("mode-note").hidden = access !== "view";
  setText(byId("emergency"), gate.emergency?.on ? `Emergency: ${gate.emergency.words}. Nobody is refused.` : "");
  setText(byId("emergency-button"), isFree() ? "End the emergency" : "Emergency: open the way");
  setText(byId("mode-coming"), [gate.locked ? "The button is locked." : "", gate.coming ?? ""].join(" ").trim());
  byId("mode-coming").hidden = !gate.locked && !gate.coming;
  setText(byId("lock-button"), gate.locked ? "Unlock the button" : "Lock the button");
  setText(byId("mode-button"), `Switch to ${MODE[switchTo()].toLowerCase()}`);
}

function drawVerdict(scan) {
  byId("verdict").dataset.verdict = scan?.verdict ?? "none";
  setIcon(byId("verdict-icon"), scan?.verdict ?? "none");
  setText(byId("verdict-go"), scan ? GO[scan.verdict] : "No scan yet");
  setText(byId("verdict-words"), scan ? scan.words : "Waiting for a ticket");
  setText(byId("verdict-type"), scan ? MODE[scan.type] : "–");
  setText(byId("verdict-ticket"), scan?.ticket ?? "");
  if (!scan) setText(byId("verdict-age"), "");
  const isThrough = scan && scan.verdict !== "refuse" && !/^annull/.test(scan.state);
  byId("annul-button").disabled = !isThrough;
}

function drawScans(scans) {
  const body = byId("scan-rows");
  const rows = new Map([...body.rows].map((row) => [row.dataset.nonce, row]));
  const wanted = scans.map((scan) => {
    const row = rows.get(scan.nonce) ?? newRow(scan.nonce);
    fillRow(row, scan);
    return row;
  });
  const isSame = wanted.length === body.rows.length && wanted.every((row, index) => row === body.rows[index]);
  if (!isSame) body.replaceChildren(...wanted);
  byId("scans-none").hidden = scans.length > 0;
  byId("scans-more").dataset.needed = scans.length > 8 ? "yes" : "no";
}

function newRow(nonce) {
  const row = document.createElement("tr");
  row.dataset.nonce = nonce;
  row.append(byId("scan-row").content.cloneNode(true));
  return row;
}

function fillRow(row, scan) {
  const part = (name) => row.querySelector(`[data-part="${name}"]`);
  const at = clock.format(new Date(scan.at));
  row.dataset.verdict = scan.verdict;
  part("time").dateTime = scan.at;
  setText(part("minute"), at.slice(0, 5));
  setText(part("second"), at.slice(5));
  setText(part("type"), MODE[scan.type]);
  setIcon(part("icon"), scan.verdict);
  setText(part("go"), `${GO[scan.verdict]}: `);
  setText(part("words"), scan.words);
  for (const name of ["ticket", "ticket-narrow"]) setText(part(name), scan.ticket ?? "");
  setText(part("server"), scan.server ?? "");
  setText(part("state"), SETTLED[scan.state] ?? scan.state);
  part("state").dataset.state = scan.state;
  setText(part("ms"), scan.ms == null ? "–" : `${Math.round(scan.ms)} ms`);
}

function drawServer({ server, list, outbox }) {
  setLevel(byId("server-level"), server.level, server.words);
  setText(byId("server-url"), server.url || "–");
  const names = list.names.length ? ` on ${list.names.join(", ")}` : "";
  const words = list.words ? `. ${list.words}` : "";
  setText(byId("list-words"), `${numbers.format(list.tickets)} tickets${names}${words}`);
  setText(byId("outbox-settled"), numbers.format(outbox.settled));
  setText(byId("outbox-shelved"), numbers.format(outbox.shelved));
  byId("outbox-shelved").dataset.some = outbox.shelved ? "yes" : "no";
  drawShelf(outbox.troubled ?? []);
  drawMissing(server.missing ?? []);
}

function drawMissing(missing) {
  byId("server-missing").hidden = missing.length === 0;
  const list = byId("missing");
  fillList(list, missing.length, () => document.createElement("li"));
  missing.forEach(({ cost, needs }, index) => setText(list.children[index], `${cost} (it needs ${needs})`));
}

function drawHealth(health) {
  const list = byId("health");
  fillList(list, health.length, () => byId("health-row").content.firstElementChild.cloneNode(true));
  health.forEach(({ part, level, words }, index) => {
    const item = list.children[index];
    setText(item.querySelector(".part"), part);
    setLevel(item, level, words);
  });
}

function drawCamera(camera) {
  const fps = camera?.fps == null ? "–" : camera.fps.toFixed(1);
  const reads = numbers.format(camera?.reads ?? 0);
  setText(
    byId("camera-words"),
    camera ? `${camera.source}: ${fps} pictures a second, ${reads} codes read` : "This gate has no camera.",
  );
  byId("camera-numbers").hidden = camera?.openings == null;
  byId("picture-room").hidden = !camera;
  byId("aim-button").hidden = !hasPicture();
  if (camera?.openings != null) {
    const ms = camera.to_text_ms;
    setText(byId("eye-openings"), numbers.format(camera.openings));
    setText(byId("eye-read"), numbers.format(camera.openings_read));
    setText(byId("eye-time"), ms == null ? "–" : `${numbers.format(ms)} ms`);
    setText(byId("eye-unread"), numbers.format(camera.unread));
    setText(byId("eye-nothing"), numbers.format(camera.never_located));
    setText(byId("eye-restarts"), numbers.format(camera.restarts));
    byId("eye-restarts").dataset.some = camera.restarts ? "yes" : "no";
  }
  if (!hasPicture()) byId("picture").hidden = true;
  byId("picture-none").hidden = !byId("picture").hidden;
  setText(byId("picture-none"), shown.access === "view" ? "Log in to see it" : "No picture");
}

export function drawAim(aim) {
  setText(byId("aim-sentence"), aim.sentence);
  byId("aim-sentence").dataset.good = aim.good ? "yes" : "no";
  const px = aim.module_px == null ? "" : ` (${aim.module_px.toFixed(1)} px)`;
  for (const [name, more] of [["focus", ""], ["light", ""], ["size", px]]) {
    byId(`aim-${name}`).value = aim[name] ?? 0;
    setText(byId(`aim-${name}-words`), aim[name] == null ? "–" : `${aim[name]}${more}`);
  }
}

function drawScanners(scanners) {
  const list = byId("scanners");
  fillList(list, scanners.length, () => byId("health-row").content.firstElementChild.cloneNode(true));
  scanners.forEach(({ name, device, reads, there }, index) => {
    const words = there ? `${device}: ${numbers.format(reads)} codes read` : `${device}: not there`;
    setText(list.children[index].querySelector(".part"), name);
    setLevel(list.children[index], there ? "ok" : "warning", words);
  });
}

function drawDemo(demo) {
  byId("demo").hidden = !demo;
  if (!demo) return;
  byId("cable").setAttribute("aria-checked", String(demo.cable));
  setText(byId("cable-words"), demo.cable ? "Plugged in" : "Pulled");
  const select = byId("guest");
  const offered = JSON.stringify(demo.guests);
  if (select.dataset.offered === offered) return;
  // Only when they differ: a rebuilt list would forget what somebody is choosing.
  const chosen = select.value;
  select.dataset.offered = offered;
  select.replaceChildren(...demo.guests.map(({ id, words }) => new Option(words, id)));
  if (demo.guests.some(({ id }) => id === chosen)) select.value = chosen;
}

function announce(scans) {
  const newest = scans[0]?.nonce ?? null;
  const isFirst = announcedNonce === undefined;
  const known = announcedNonce;
  announcedNonce = newest;
  if (isFirst || newest === known) return;
  const until = scans.findIndex(({ nonce }) => nonce === known);
  const fresh = scans.slice(0, until < 0 ? scans.length : until);
  const more = fresh.length > 1 ? ` And ${fresh.length - 1} more.` : "";
  const { verdict, type, words, at } = fresh[0];
  say(`${GO[verdict]}: ${words}. ${MODE[type]} at ${clock.format(new Date(at))}.${more}`);
}

export function say(sentence) {
  const line = document.createElement("p");
  line.textContent = sentence;
  const log = byId("announce");
  log.append(line);
  while (log.children.length > 3) log.firstElementChild.remove();
}

function setLevel(node, level, words) {
  node.dataset.level = level;
  setIcon(node.querySelector("use"), LEVEL_ICON[level] ?? "none");
  setText(node.querySelector(".words"), words || LEVEL_WORDS[level] || level);
  const spoken = node.querySelector(".level-words");
  if (spoken) setText(spoken, `${LEVEL_WORDS[level] ?? level}: `);
}

function fillList(list, length, make) {
  while (list.children.length > length) list.lastElementChild.remove();
  while (list.children.length < length) list.append(make());
}

function setText(node, text) {
  if (node.textContent !== String(text)) node.textContent = text;
}

function setIcon(use, name) {
  use.setAttribute("href", `#i-${name}`);
}

function ago(seconds) {
  if (seconds < 1) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}
