// An answer that is being written (data-stream): what is new of it is added as it comes. When the connection is lost the
// browser asks again from where it is; nothing is written anew. At its end the page is read once more.
import { account, own } from "./session.js";
import { askToSignIn } from "./sign_in_again.js";

const PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
const TRIES = 12;

export function followAnswers() {
  for (const place of document.querySelectorAll("[data-stream]")) follow({ place, began: place.textContent !== "", tries: 0 });
}

function follow(answer) {
  const { place } = answer;
  const shown = answer.began ? [...place.textContent].length : 0;
  const source = new EventSource(`${place.dataset.stream}?from=${shown}`);
  if (!answer.began) place.textContent = place.dataset.loading;
  source.addEventListener("text", (event) => {
    if (!answer.began) place.textContent = "";
    answer.began = true;
    answer.tries = 0;
    place.append(JSON.parse(event.data));
  });
  source.addEventListener("end", () => {
    source.close();
    window.location.reload();
  });
  // A lost connection is taken up by the browser itself; after an error that a server or a proxy answered it gives up.
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return;
    answer.tries += 1;
    if (answer.tries > TRIES) return window.location.reload();
    setTimeout(() => goOn(answer), Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** (answer.tries - 1)));
  });
}

async function goOn(answer) {
  try {
    if (own() && (await account()) !== own()) return askToSignIn(() => follow(answer));
  } catch {
    // the server can't be asked yet: the next try tells
  }
  follow(answer);
}
