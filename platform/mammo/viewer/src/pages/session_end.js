// Some minutes before its limits end a session, the page says until when it lasts; whoever goes on working stays signed
// in by a button: an idle session by the act itself, one that has lasted a working day by signing in over the page.
import { askToSignIn, signOut } from "./sign_in_again.js";
import { account, msLeft, noteEnd, own } from "./session.js";

const LOOK_MS = 5_000;
const ASK_MS = 30_000;
let asked = -Infinity;

const bar = () => document.getElementById("session-end");
const isNear = () => msLeft() <= Number(document.body.dataset.sessionWarning) * 1000;

function hide() {
  bar().hidden = true;
}

function show() {
  const time = new Date(Date.now() + msLeft());
  const said = time.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const place = bar().querySelector("[data-session-time]");
  if (place.textContent !== said) place.textContent = said;
  bar().hidden = false;
}

// Other pages of the same person may have moved the end: the server is asked before anything is said.
async function look() {
  if (isNear() && msLeft() > 0 && Date.now() - asked > ASK_MS) {
    asked = Date.now();
    await account().catch(() => {}); // a server that can't be reached says nothing new
  }
  if (isNear() && msLeft() > 0) show();
  else hide();
}

async function stay() {
  try {
    const found = await account({ isAct: true });
    if (found && found === own() && !isNear()) return hide();
    if (found === own()) await signOut();
  } catch {
    // The sheet says that the server can't be reached.
  }
  askToSignIn(hide);
}

export function watchEnd() {
  if (!own() || !bar()) return;
  noteEnd(document.body.dataset.sessionSeconds);
  bar().querySelector("[data-stay]").addEventListener("click", stay);
  setInterval(look, LOOK_MS);
  look();
}
