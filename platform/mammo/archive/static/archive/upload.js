// Sends files in pieces; each file has a number of its own in this browser, so that a broken upload goes on.
const form = document.getElementById("upload-form");
const bar = document.getElementById("upload-progress");
const said = document.getElementById("upload-said");
const list = document.getElementById("upload-list");
const pieceBytes = Number(form.dataset.piece);
const TRIES = 8;
const SIGN_INS = 2;

function numberOf(site, file) {
  const key = `upload:${site}:${file.name}:${file.size}:${file.lastModified}`;
  let number = sessionStorage.getItem(key);
  if (!number) {
    number = crypto.randomUUID();
    sessionStorage.setItem(key, number);
  }
  return { key, number };
}

function address(number, values, more = "") {
  return `${form.dataset.address}${number}/${more}?${new URLSearchParams(values)}`;
}

// The session is over: the pages' own dialog asks to sign in over this page; closed without, the file is not sent.
function signedInAgain() {
  said.textContent = form.dataset.signedOut;
  return new Promise((resolve, reject) => {
    document.dispatchEvent(new CustomEvent("mammo:sign-in-needed", { detail: { resend: resolve } }));
    const close = () => setTimeout(() => reject(new Error(form.dataset.signedOut)), 500);
    document.getElementById("sign-in-again").addEventListener("close", close, { once: true });
  });
}

// Sent to the sign-in page (never followed: its 200 would count as received), or refused.
const isSignedOut = (answer) => answer.type === "opaqueredirect" || [401, 403].includes(answer.status);

async function asked(url, options = {}) {
  let signIns = 0;
  for (let attempt = 1; ; attempt += 1) {
    // Signing in again gives a new token, which the dialog writes into this field.
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, ...options.headers };
    let isOver = false;
    try {
      const answer = await fetch(url, { ...options, headers, credentials: "same-origin", redirect: "manual" });
      isOver = isSignedOut(answer) && signIns < SIGN_INS;
      if (!isOver && (answer.status < 500 || attempt === TRIES)) return answer;
    } catch (error) {
      if (attempt === TRIES) throw error;
    }
    if (isOver) {
      await signedInAgain();
      signIns += 1;
      continue;
    }
    said.textContent = form.dataset.again;
    await new Promise((resolve) => setTimeout(resolve, Math.min(30000, 500 * 2 ** attempt)));
  }
}

// What the server answered; an error with its words, or its number where something else answered in its place.
async function told(answer) {
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok || found.received === undefined) throw new Error(found.message ?? `HTTP ${answer.status}`);
  return found;
}

async function send(site, batch, file, shown, sentBefore, total) {
  const { key, number } = numberOf(site, file);
  let { received } = await told(await asked(address(number, { site })));
  while (received < file.size) {
    // The name may hold a patient's: addresses are logged, this header is not.
    const options = { method: "PUT", headers: { "X-File-Name": encodeURIComponent(file.name) } };
    const body = file.slice(received, received + pieceBytes);
    ({ received } = await told(await asked(address(number, { site, offset: received }), { ...options, body })));
    bar.value = sentBefore + received;
    said.textContent = `${form.dataset.sending}: ${Math.floor((100 * (sentBefore + received)) / Math.max(1, total))} %`;
  }
  await told(await asked(address(number, { site, size: file.size, batch }, "finish/"), { method: "POST" }));
  sessionStorage.removeItem(key);
  shown.textContent = `${file.name}: ${form.dataset.done}`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const files = [...form.elements.files.files];
  if (!files.length) return;
  const batch = crypto.randomUUID();
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const button = form.querySelector("button");
  button.disabled = true;
  bar.hidden = false;
  bar.max = Math.max(1, total);
  let sentBefore = 0;
  let failed = 0;
  for (const file of files) {
    const shown = document.createElement("li");
    shown.textContent = `${file.name}: ${form.dataset.sending}`;
    list.append(shown);
    try {
      await send(form.elements.site.value, batch, file, shown, sentBefore, total);
    } catch (error) {
      failed += 1;
      shown.classList.add("text-danger");
      shown.textContent = `${file.name}: ${form.dataset.failed} (${error.message})`;
    }
    sentBefore += file.size;
    bar.value = sentBefore;
  }
  const words = failed ? form.dataset.failed : form.dataset.done;
  said.textContent = failed ? `${words}: ${failed} / ${files.length}` : words;
  said.classList.toggle("text-danger", failed > 0);
  document.getElementById("upload-batch").hidden = false;
  button.disabled = false;
});
