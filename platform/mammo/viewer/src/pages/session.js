// What an open page knows of its session: whose it is, when the server was last heard of, and when the limits end it.

let heard = { ticks: performance.now(), wall: Date.now() };
let endsAt = Infinity;

export const own = () => document.body.dataset.account;

export function noteAnswer() {
  heard = { ticks: performance.now(), wall: Date.now() };
}

// The end as the page was told when it was made; an act of the person may have moved it since, never the other way.
export function noteEnd(seconds) {
  endsAt = Date.now() + Number(seconds) * 1000;
}

export const msLeft = () => endsAt - Date.now();

// Milliseconds since the server was heard of. One clock may stand still while the machine sleeps, the other be set.
export function msOfSilence() {
  return Math.max(performance.now() - heard.ticks, Date.now() - heard.wall);
}

// Whose session it is now; empty when it is over. Asking is no sign of life, unless it is a person's act.
export async function account({ isAct = false } = {}) {
  const headers = isAct ? {} : { "HX-Request": "true" };
  const answer = await fetch(document.body.dataset.sessionUrl, { headers, cache: "no-store" });
  if (!answer.ok) {
    endsAt = -Infinity;
    return "";
  }
  const found = await answer.json();
  noteEnd(found.seconds_left);
  return found.account;
}
