// Checking everybody out: look first, confirm then, and watch it go.

const byId = (id) => document.getElementById(id);
const dialog = byId("closing-dialog");
const numbers = new Intl.NumberFormat("en-GB");
const WORDS = {
  out: "Checked out",
  left: "Had left",
  "came back": "Came back after it",
  inside: "Still inside",
  "came later": "Came in after it",
  extra: "Not known to be inside",
  shelved: "Needs help",
  refused: "Refused by the server",
  waiting: "Waiting",
};

let press = async () => null;
let lists = [];

export function drawClosing(closing) {
  const isGoing = closing?.state === "going";
  byId("closing-bar").hidden = !isGoing;
  byId("closing-stop").hidden = !isGoing || closing.way === "bulk";
  byId("closing-look").hidden = isGoing;
  const isLeft = closing?.state === "stopped" || closing?.state === "failed";
  byId("closing-resume").hidden = !isLeft;
  const list = byId("closing-outcomes");
  list.replaceChildren();
  if (!closing) return;
  if (isGoing) {
    byId("closing-bar").max = Math.max(closing.total, 1);
    byId("closing-bar").value = closing.done;
  }
  const at = new Date(closing.at).toLocaleTimeString("en-GB");
  const ended = closing.state.replace(/^./, (letter) => letter.toUpperCase());
  const going = `${numbers.format(closing.done)} of ${numbers.format(closing.total)} so far.`;
  byId("closing-words").textContent = `Pressed at ${at}. ${isGoing ? going : `${ended}: ${closing.words}`}`;
  for (const [word, number] of Object.entries(closing.outcomes)) {
    const item = document.createElement("li");
    item.textContent = `${WORDS[word] ?? word}: ${numbers.format(number)}`;
    list.append(item);
  }
}

async function look({ currentTarget }) {
  const found = await press(currentTarget, "checkout_all_preview", {});
  if (!found) return;
  lists = found.lists.map((one) => one.list_id);
  byId("closing-lists").replaceChildren(...found.lists.map(row));
  const total = found.lists.reduce((sum, one) => sum + one.ours, 0);
  byId("closing-confirm").textContent = `Check out ${numbers.format(total)}`;
  byId("closing-bulk").checked = false;
  byId("closing-bulk").disabled = found.no_bulk !== "";
  byId("closing-no-bulk").hidden = found.no_bulk === "";
  byId("closing-no-bulk").textContent = `Not possible now: ${found.no_bulk}.`;
  byId("closing-failed").textContent = "";
  dialog.showModal();
}

function row({ name, ours, servers }) {
  const line = document.createElement("tr");
  for (const words of [name, numbers.format(ours), servers == null ? "not known" : numbers.format(servers)]) {
    line.insertCell().textContent = words;
  }
  return line;
}

async function confirm(submission) {
  submission.preventDefault();
  const wanted = { lists, bulk: byId("closing-bulk").checked, confirmed: true };
  const fail = (sentence) => (byId("closing-failed").textContent = sentence);
  if (await press(byId("closing-confirm"), "checkout_all", wanted, fail)) dialog.close();
}

export function setUpClosing(pressed) {
  press = pressed;
  byId("closing-look").addEventListener("click", look);
  byId("closing-form").addEventListener("submit", confirm);
  byId("closing-cancel").addEventListener("click", () => dialog.close());
  for (const name of ["resume", "stop"]) {
    byId(`closing-${name}`).addEventListener("click", ({ currentTarget }) => {
      press(currentTarget, `checkout_all_${name}`, {});
    });
  }
}
