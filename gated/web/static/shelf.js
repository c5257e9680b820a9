// What the server would not take: told again, or settled by hand with a reason.

import { MODE, SETTLED } from "./words.js";

const byId = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const dialog = byId("settle-dialog");

let press = async () => null;
let drawn = "";
let settling = "";
let wasEmpty = true;

export function drawShelf(scans) {
  byId("server-troubled").hidden = scans.length === 0;
  const told = JSON.stringify(scans);
  // Only when they differ: a rebuilt button would lose the focus.
  if (drawn !== told) rebuild(scans);
  drawn = told;
  const isEmpty = !scans.some(({ state }) => state === "shelved");
  if (wasEmpty && !isEmpty) byId("server-troubled").open = true;
  wasEmpty = isEmpty;
}

function rebuild(scans) {
  const list = byId("troubled");
  const wasHere = list.contains(document.activeElement);
  list.replaceChildren(...scans.map(row));
  if (wasHere) goOn();
}

// Whoever works by keyboard stands where the next one is.
function goOn() {
  const next = document.querySelector("#troubled button") ?? byId("server-title");
  next.focus();
}

function row(scan) {
  const item = document.createElement("li");
  item.textContent = `${name(scan)} ${SETTLED[scan.state]}: ${scan.server}`;
  if (scan.state !== "shelved") return item;
  const choices = document.createElement("span");
  choices.className = "choices";
  choices.dataset.needs = "admin";
  choices.append(
    button("Try again", scan, ({ currentTarget }) => press(currentTarget, "retry", { nonce: scan.nonce })),
    button("Settle …", scan, () => ask(scan)),
  );
  item.append(choices);
  return item;
}

function name({ at, type, ticket }) {
  return [clock.format(new Date(at)), MODE[type], ticket].filter(Boolean).join(" ");
}

function button(words, scan, pressed) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "small";
  made.textContent = words;
  made.setAttribute("aria-label", `${words} ${name(scan)}`);
  made.addEventListener("click", pressed);
  return made;
}

function ask(scan) {
  settling = scan.nonce;
  byId("settle-which").textContent = `${name(scan)}. The server is told no more about it; here it goes on counting.`;
  byId("settle-failed").textContent = "";
  byId("settle-why").value = "";
  dialog.showModal();
}

async function settle(submission) {
  submission.preventDefault();
  const wanted = { nonce: settling, why: byId("settle-why").value };
  const fail = (sentence) => (byId("settle-failed").textContent = sentence);
  if (!await press(byId("settle-confirm"), "settle", wanted, fail)) return;
  dialog.close();
  // Its row may be gone already, and with it the button that opened this.
  if (!byId("troubled").contains(document.activeElement)) goOn();
}

export function setUpShelf(pressed) {
  press = pressed;
  byId("settle-form").addEventListener("submit", settle);
  byId("settle-cancel").addEventListener("click", () => dialog.close());
}
