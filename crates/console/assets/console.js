// New rows as they come, and keys. Every page works without this.
"use strict";

const rows = document.getElementById("rows");
const ROWS_MAX = 200;

function live(section) {
  const state = document.getElementById("state");
  const say = (how, text) => { state.className = "state " + how; state.textContent = text; };
  const events = new EventSource(section.dataset.events);
  events.addEventListener("open", () => say("on", "New calls appear by themselves"));
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) say("off", "Signed out: load the page again");
    else say("off", "The connection is gone, and tried again");
  });
  events.addEventListener("row", (event) => {
    const made = document.createElement("template");
    made.innerHTML = event.data;
    const row = made.content.firstElementChild;
    const before = row.id && document.getElementById(row.id);
    document.getElementById("nothing").hidden = true;
    if (before) {
      row.classList.toggle("at", before.classList.contains("at"));
      const focused = before.contains(document.activeElement);
      before.replaceWith(row);
      if (focused) link(row).focus({ preventScroll: true });
      return;
    }
    row.classList.add("new");
    rows.prepend(row);
    while (rows.children.length > ROWS_MAX) rows.lastElementChild.remove();
  });
}

const all = () => [...document.querySelectorAll("#rows > tr, .holds > li")];
const link = (row) => row.querySelector("a");

function move(by) {
  const list = all();
  if (list.length === 0) return;
  const at = list.findIndex((row) => row.classList.contains("at"));
  const next = list[at < 0 ? 0 : Math.min(Math.max(at + by, 0), list.length - 1)];
  list.forEach((row) => row.classList.toggle("at", row === next));
  link(next).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

let going = false;

function key(event) {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing) {
    if (event.key === "Escape") typing.blur();
    return;
  }
  const go = going && document.querySelector(`nav a[data-go="${CSS.escape(event.key)}"]`);
  going = false;
  if (go) return void (event.preventDefault(), go.click());
  switch (event.key) {
    case "j": return move(1);
    case "k": return move(-1);
    case "g": going = true; return;
    case "u": {
      const up = document.querySelector("a[data-up]");
      if (up) up.click();
      return;
    }
    case "/": {
      event.preventDefault();
      const box = document.getElementById("q");
      if (box) box.focus();
      else location.assign("/trace?#q");
      return;
    }
    case "?": {
      const keys = document.getElementById("keys");
      if (keys && !keys.open) keys.showModal();
      return;
    }
  }
}

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const words = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

async function passkey(button) {
  const { passkey: how, host, challenge, say, user, userId, userName } = button.dataset;
  const form = button.form;
  const creates = how === "create";
  if (creates && !form.reportValidity()) return;
  const asked = creates
    ? { challenge: bytes(challenge), rp: { id: host, name: "Countersign" }, user: { id: bytes(userId), name: user, displayName: userName },
        pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })), attestation: "none",
        authenticatorSelection: { residentKey: "required", userVerification: "required" } }
    : { challenge: bytes(challenge), rpId: host, userVerification: "required" };
  let given;
  try {
    given = await (creates ? navigator.credentials.create({ publicKey: asked }) : navigator.credentials.get({ publicKey: asked }));
  } catch (error) {
    // Somebody changed their mind.
    if (error.name !== "NotAllowedError" && error.name !== "AbortError") tell(button, `Your browser or device did not do it (${error.name}).`);
    return;
  }
  const { response } = given;
  if (creates && !response.getPublicKey()) return tell(button, "The key of this device is of a kind that is not taken.");
  form.elements.passkey_id.value = words(given.rawId);
  form.elements.passkey_client.value = words(response.clientDataJSON);
  form.elements.passkey_device.value = words(creates ? response.getAuthenticatorData() : response.authenticatorData);
  form.elements.passkey_proof.value = words(creates ? response.getPublicKey() : response.signature);
  if (say) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "say", value: say });
    form.append(field);
  }
  form.submit();
}

// Why nothing came of it, beside the button; once.
function tell(button, why) {
  const said = button.parentElement.querySelector("p[role=alert]") ?? Object.assign(document.createElement("p"), { className: "small", role: "alert" });
  said.textContent = `${why} Everything else on this page still works.`;
  button.after(said);
}

// Keys belong to one host: on another the page says where it is.
function elsewhere(button) {
  const place = button.closest(".keys");
  if (!place || place.querySelector("a")) return;
  const there = new URL(button.dataset.origin);
  const { pathname, search, hash } = location;
  Object.assign(there, { pathname, search, hash });
  const link = Object.assign(document.createElement("a"), { href: there.href, textContent: "this page there" });
  const said = Object.assign(document.createElement("p"), { className: "small" });
  said.append(`Passkeys are good at ${there.host} only: `, link);
  place.append(said);
}

for (const button of document.querySelectorAll("button[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  if (location.hostname !== button.dataset.host) {
    elsewhere(button);
    continue;
  }
  button.hidden = false;
  button.addEventListener("click", () => passkey(button));
}

document.addEventListener("keydown", key);
const section = document.getElementById("live");
if (section && window.EventSource) live(section);
if (location.hash === "#q") document.getElementById("q")?.focus();
