// The session is over while somebody works: they sign in over the page, and what was not saved is sent once more.
// The dialog shows the forms of the server's own sign-in pages, step by step; the page below stays as it is.

import { account, msLeft, msOfSilence, noteAnswer, own } from "./session.js";

const waiting = [];
// Where less than this is left, a page that is sent may come too late.
const NEAR_END_MS = 30_000;
const TOO_LATE_MS = 5_000;

const dialog = () => document.getElementById("sign-in-again");
const place = () => dialog().querySelector("[data-sign-in-here]");

function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

// Signing in again gives a new token; the page that was left open must send that one.
export function freshToken() {
  return cookie(document.body.dataset.csrfCookie ?? "csrftoken");
}

export function refreshTokens() {
  const token = freshToken();
  if (!token) return;
  for (const input of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) input.value = token;
}

function say(text) {
  const note = dialog().querySelector("[data-sign-in-note]");
  note.textContent = text;
  note.hidden = !text;
}

// resend: what to do once the same person is signed in again.
export function askToSignIn(resend) {
  if (resend) waiting.push(resend);
  if (!dialog() || dialog().open) return;
  say("");
  place().replaceChildren();
  dialog().showModal();
  const { signInUrl, sessionUrl } = document.body.dataset;
  goOn(() => fetch(`${signInUrl}?next=${encodeURIComponent(sessionUrl)}`, { cache: "no-store" }));
}

async function goOn(ask, { signsIn = false } = {}) {
  try {
    const answer = await ask();
    const found = await account();
    if (found && found === own()) return finish();
    if (found) return refuse(signsIn);
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    say(document.body.dataset.textUnreachable);
  }
}

export async function signOut() {
  await fetch(dialog().dataset.signOutUrl, { method: "POST", headers: { "X-CSRFToken": freshToken() } });
}

// Another account than the page's. Who came in by this very dialog is signed out again and asked for the right one.
async function refuse(signsIn) {
  say(dialog().dataset.textOther);
  place().replaceChildren();
  if (!signsIn) return;
  await signOut();
  const answer = await fetch(document.body.dataset.signInUrl, { cache: "no-store" });
  show(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

function finish() {
  refreshTokens();
  noteAnswer();
  place().replaceChildren();
  dialog().close();
  for (const resend of waiting.splice(0)) resend();
}

function show(page) {
  const step = page.querySelector("[data-sign-in-step]");
  const form = step?.querySelector("form[method=post]");
  if (!form) {
    say(dialog().dataset.textElsewhere);
    return;
  }
  place().replaceChildren(document.adoptNode(form));
  form.addEventListener("submit", (event) => send(event, form));
  const keyForm = step.querySelector("[data-needs-key]");
  if (keyForm && window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
    const options = JSON.parse(page.getElementById("js_data").textContent).request_options;
    place().append(document.adoptNode(keyForm));
    keyForm.querySelector("button").addEventListener("click", () => useKey(keyForm, options));
  }
  place().querySelector("input:not([type=hidden])")?.focus();
}

function send(event, form) {
  event.preventDefault();
  event.stopPropagation();
  const body = new FormData(form);
  const headers = { "X-CSRFToken": freshToken() };
  goOn(() => fetch(form.getAttribute("action"), { method: "POST", body, headers }), { signsIn: true });
}

async function useKey(form, options) {
  try {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey);
    const credential = await navigator.credentials.get({ publicKey });
    form.querySelector("input[name=credential]").value = JSON.stringify(credential.toJSON());
  } catch {
    say(dialog().dataset.textElsewhere);
    return;
  }
  send(new Event("submit", { cancelable: true }), form);
}

// A form that is sent as a whole page would be lost with the page: where the session may be over, it is asked first.
const asked = new WeakSet();

function mayBeOver() {
  const after = Number(document.body.dataset.askSessionAfter ?? 300) * 1000;
  return msOfSilence() > after || msLeft() < NEAR_END_MS;
}

async function askFirst(sendNow) {
  let found = await account();
  if (found === own() && msLeft() < TOO_LATE_MS) {
    await signOut();
    found = "";
  }
  if (found !== own()) return askToSignIn(sendNow);
  noteAnswer();
  sendNow();
}

export function watchSession() {
  if (!own()) return;
  // Pages' own scripts that found the session over: { resend } is called once the same person is signed in again.
  document.addEventListener("mammo:sign-in-needed", (event) => askToSignIn(event.detail.resend));
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (asked.delete(form)) return;
      if (form.method !== "post" || form.closest("dialog, [hx-post], [hx-put], [hx-boost]") || !mayBeOver()) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const { submitter } = event;
      const sendNow = () => {
        asked.add(form);
        form.requestSubmit(submitter);
      };
      askFirst(sendNow).catch(() => {
        noteAnswer(); // the browser's own page says that the server can't be reached
        sendNow();
      });
    },
    { capture: true },
  );
}
