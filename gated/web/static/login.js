// Logging in and out; the secret is typed, sent and forgotten.

const byId = (id) => document.getElementById(id);
const dialog = byId("login");
const ROLES = { staff: "Staff", admin: "Admin" };

let onChange = () => {};

export async function post(path, content) {
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
}

export function askToLogIn() {
  byId("login-failed").textContent = "";
  byId("secret").value = "";
  if (!dialog.open) dialog.showModal();
}

// What this page's reader may do: everything marked with data-needs is shown to who may use it.
export function drawAccess(access) {
  const isIn = access !== "view";
  byId("login-open").hidden = isIn;
  byId("logout").hidden = !isIn;
  byId("role").hidden = !isIn;
  byId("role").textContent = ROLES[access] ?? "";
  const levels = ["view", "staff", "admin"];
  for (const node of document.querySelectorAll("[data-needs]")) {
    node.hidden = levels.indexOf(access) < levels.indexOf(node.dataset.needs);
  }
}

async function logIn(secret) {
  const button = byId("login-button");
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await post("/api/login", { secret });
    const { error } = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(error ?? `The gate answered ${answer.status}.`);
    dialog.close();
    onChange();
  } catch (failure) {
    const words = failure instanceof TypeError ? "The gate did not answer." : failure.message;
    byId("login-failed").textContent = words;
    byId("secret").select();
  } finally {
    button.removeAttribute("aria-busy");
  }
}

export function setUpLogin(changed) {
  onChange = changed;
  byId("login-open").addEventListener("click", askToLogIn);
  byId("login-cancel").addEventListener("click", () => dialog.close());
  byId("login-form").addEventListener("submit", (submission) => {
    submission.preventDefault();
    if (byId("login-button").getAttribute("aria-busy") !== "true") logIn(byId("secret").value);
  });
  byId("logout").addEventListener("click", async () => {
    await post("/api/logout", {}).catch(() => {});
    onChange();
  });
  // The demo's link carries its PIN behind #, which no browser sends to a server.
  const given = new URLSearchParams(location.hash.slice(1)).get("secret");
  if (given) {
    history.replaceState(null, "", location.pathname);
    askToLogIn();
    logIn(given);
  }
}
