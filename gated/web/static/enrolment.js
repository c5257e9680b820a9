// Making the gate a device of the ticket server's, and saying which lists it is for.

const byId = (id) => document.getElementById(id);
const TOLD = {
  none: {
    title: "This gate is not enrolled",
    how: "It lets nobody in yet. Hold the QR code that the ticket server shows for a new device before the gate's camera, or enter here what stands beside that code.",
  },
  revoked: {
    title: "The server revoked this gate",
    how: "The list was wiped, and nobody is let in. Make a new device at the server, and show the gate its code or enter here what stands beside it.",
  },
  lost: {
    title: "This gate's token was lost",
    how: "It decides by the list it has, and tells the server nothing. Make a new device at the server and enter here what stands beside its code.",
  },
  choosing: { title: "Which lists is this gate for?", how: "It is enrolled, and lets nobody in until that is said." },
};

let press = async () => null;
let choices = [];
let drawn = "";

export function drawEnrolment(enrolment, access) {
  const state = enrolment?.state ?? "";
  const told = TOLD[state];
  byId("enrolment").hidden = !told;
  // What a gate that does not work yet cannot do is not offered.
  document.body.dataset.works = told && state !== "lost" ? "no" : "yes";
  if (!told) return;
  byId("enrolment-title").textContent = told.title;
  byId("enrolment-how").textContent = told.how;
  byId("enrolment-words").textContent = enrolment.words ? `The last try: ${enrolment.words}.` : "";
  byId("enrolment-note").hidden = access === "admin";
  byId("enrolment-form").hidden = state === "choosing";
  byId("enrolment-other-tick").hidden = !enrolment.expects;
  byId("enrolment-other-words").textContent = `It may be another server than ${enrolment.expects}, which the config expects`;
  byId("choice-form").hidden = enrolment.choices.length === 0;
  const offered = JSON.stringify(enrolment.choices);
  // Only when they differ: rebuilt ones would forget what somebody is choosing.
  if (drawn !== offered) offer(enrolment.choices);
  drawn = offered;
}

function offer(found) {
  choices = found;
  const events = new Map(found.map((one) => [one.event, one.event_name]));
  byId("choice-event").replaceChildren(...[...events].map(([slug, name]) => new Option(name, slug)));
  byId("choice-event-row").hidden = events.size < 2;
  offerLists();
}

function offerLists() {
  const ofEvent = choices.filter(({ event }) => event === byId("choice-event").value);
  byId("choice-lists").replaceChildren(...ofEvent.map(tick));
}

function tick({ list_id, list_name }) {
  const label = document.createElement("label");
  label.className = "tick";
  const box = document.createElement("input");
  box.type = "checkbox";
  box.value = list_id;
  label.append(box, list_name);
  return label;
}

async function enrol(submission) {
  submission.preventDefault();
  const [url, token] = ["url", "token"].map((name) => byId(`enrolment-${name}`).value.trim());
  // The text of the code itself holds both.
  const code = [url, token].find((text) => text.startsWith("{"));
  const wanted = { ...(code ? { code } : { url, token }), other_server: byId("enrolment-other").checked };
  const fail = (sentence) => (byId("enrolment-failed").textContent = sentence);
  fail("");
  if (await press(byId("enrolment-button"), "enrol", wanted, fail)) byId("enrolment-form").reset();
}

async function choose(submission) {
  submission.preventDefault();
  const lists = [...byId("choice-lists").querySelectorAll("input:checked")].map((box) => Number(box.value));
  const fail = (sentence) => (byId("choice-failed").textContent = sentence);
  fail(lists.length ? "" : "Choose one list at least.");
  if (lists.length) await press(byId("choice-button"), "enrol", { event: byId("choice-event").value, lists }, fail);
}

export function setUpEnrolment(pressed) {
  press = pressed;
  byId("enrolment-form").addEventListener("submit", enrol);
  byId("choice-form").addEventListener("submit", choose);
  byId("choice-event").addEventListener("change", offerLists);
  byId("choice-form").addEventListener("change", () => (byId("choice-failed").textContent = ""));
}
