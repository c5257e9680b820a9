// The connection to the gate: listens to its stream, presses its buttons, fetches its pictures.

import { setUpClosing } from "./closing.js";
import { setUpCounts } from "./counts.js";
import { setUpEnrolment } from "./enrolment.js";
import { askToLogIn, post, setUpLogin } from "./login.js";
import { setUpShelf } from "./shelf.js";
import { drawAges, drawAim, drawLamps, drawState, hasPicture, isFree, isLocked, isPlugged, lastScan, say, stateTime, switchTo } from "./view.js";

const SILENT_MS = 20000;
const RETRY_MS = 2000;
const PICTURE_GAP_MS = 250;
const NOTICE_MS = 8000;

const byId = (id) => document.getElementById(id);

let stream = null;
let heardMs = Date.now();
let wasLost = false;
let noticeTimer;

function connect() {
  stream?.close();
  heardMs = Date.now();
  stream = new EventSource("/api/events");
  stream.addEventListener("state", (message) => hear(() => drawState(JSON.parse(message.data))));
  stream.addEventListener("lamps", (message) => hear(() => drawLamps(JSON.parse(message.data))));
  stream.onerror = () => {
    lose();
    // After an answer that is no stream the browser gives up; a gate that restarts gives one.
    if (stream.readyState === EventSource.CLOSED) setTimeout(reconnect, RETRY_MS);
  };
}

function reconnect() {
  if (!document.hidden && stream?.readyState === EventSource.CLOSED) connect();
}

function hear(draw) {
  heardMs = Date.now();
  draw();
  if (wasLost) say("Connection to the gate restored.");
  wasLost = false;
  document.documentElement.dataset.ready = "yes";
  setLink("live", "Live");
  byId("lost").textContent = "";
}

function lose() {
  const since = stateTime();
  setLink("lost", "No contact");
  if (wasLost) return;
  wasLost = true;
  const past = since ? ` This is how it was at ${since}.` : "";
  byId("lost").textContent = `Connection to the gate lost.${past} Trying again.`;
}

function setLink(link, words) {
  byId("link").dataset.link = link;
  if (byId("link-words").textContent !== words) byId("link-words").textContent = words;
}

function tick() {
  drawAges();
  // A phone out of range is told nothing, not even that the connection is gone.
  if (!document.hidden && Date.now() - heardMs > SILENT_MS) {
    lose();
    connect();
  }
}

async function press(button, name, action, fail = complain) {
  if (button.getAttribute("aria-busy") === "true") return null;
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await post(`/api/actions/${name}`, action);
    const { error, ...given } = await answer.json().catch(() => ({}));
    if (answer.ok) return given;
    fail(error ?? `The gate answered ${answer.status}.`);
    if (answer.status === 401) askToLogIn();
  } catch {
    fail("The gate did not answer. Nothing was changed.");
  } finally {
    button.removeAttribute("aria-busy");
  }
  return null;
}

function complain(sentence) {
  byId("failed").textContent = sentence;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (byId("failed").textContent = ""), NOTICE_MS);
}

const isAiming = () => byId("aim-button").getAttribute("aria-pressed") === "true";

function watchCamera() {
  const picture = byId("picture");
  const none = byId("picture-none");
  let isInView = true;
  let timer;
  new IntersectionObserver(([entry]) => {
    isInView = entry.isIntersecting;
  }).observe(picture.parentElement);
  const next = (gapMs) => {
    clearTimeout(timer);
    timer = setTimeout(ask, gapMs);
  };
  const ask = () => {
    const isLooking = isInView && !document.hidden && !wasLost && hasPicture();
    if (isLooking && isAiming()) aim();
    else if (isLooking) picture.src = `/api/picture?at=${Date.now()}`;
    // Also after asking: a picture that never comes must not be the last.
    next(isLooking ? PICTURE_GAP_MS * 20 : PICTURE_GAP_MS);
  };
  const aim = async () => {
    try {
      const answer = await fetch("/api/aim");
      const found = await answer.json();
      if (!answer.ok) throw new Error(found.error);
      drawAim(found);
      picture.src = `/api/aim/picture?at=${Date.now()}`;
    } catch (error) {
      drawAim({ sentence: error.message || "The gate does not answer." });
    }
  };
  const show = (isThere) => {
    picture.hidden = !isThere;
    none.hidden = isThere;
    next(isThere ? PICTURE_GAP_MS : PICTURE_GAP_MS * 8);
  };
  byId("aim-button").addEventListener("click", () => {
    byId("aim-button").setAttribute("aria-pressed", String(!isAiming()));
    byId("aim-button").textContent = isAiming() ? "Stop aiming" : "Aim";
    byId("aim").hidden = !isAiming();
    ask();
  });
  picture.addEventListener("load", () => show(true));
  picture.addEventListener("error", () => show(false));
  ask();
}

byId("mode-button").addEventListener("click", ({ currentTarget }) => {
  press(currentTarget, "mode", { mode: switchTo() });
});
byId("annul-button").addEventListener("click", ({ currentTarget }) => {
  press(currentTarget, "annul", { nonce: lastScan() });
});
byId("emergency-button").addEventListener("click", ({ currentTarget }) => {
  press(currentTarget, "emergency", { on: !isFree() });
});
byId("lock-button").addEventListener("click", ({ currentTarget }) => {
  press(currentTarget, "lock", { locked: !isLocked() });
});
byId("cable").addEventListener("click", ({ currentTarget }) => {
  press(currentTarget, "cable", { plugged: !isPlugged() });
});
byId("guest-form").addEventListener("submit", (submission) => {
  submission.preventDefault();
  press(byId("guest-button"), "guest", { id: byId("guest").value });
});
byId("signal-rows").addEventListener("click", ({ target }) => {
  if (target.dataset.signal) press(target, "panel_test", { signal: target.dataset.signal });
});
byId("scans-more").addEventListener("click", ({ currentTarget }) => {
  const isAll = byId("scans").classList.toggle("all");
  currentTarget.setAttribute("aria-expanded", String(isAll));
  currentTarget.textContent = isAll ? "Show fewer" : "Show more";
});
// A page in the background lets go of the gate; what it missed comes with the next state.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stream?.close();
    return;
  }
  if (!wasLost) setLink("connecting", "Connecting");
  connect();
});

connect();
setUpLogin(connect);
setUpClosing(press);
setUpCounts(press);
setUpEnrolment(press);
setUpShelf(press);
watchCamera();
setInterval(tick, 1000);
