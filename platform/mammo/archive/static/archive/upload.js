// Sends files in pieces; each file has a number of its own in this browser, so that a broken upload goes on.
const form = document.getElementById("upload-form");
const bar = document.getElementById("upload-progress");
const said = document.getElementById("upload-said");
const list = document.getElementById("upload-list");
const pieceBytes = Number(form.dataset.piece);
const TRIES = 8;

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

async function asked(url, options = {}) {
  const headers = { "X-CSRFToken": form.dataset.csrf, ...options.headers };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await fetch(url, { ...options, headers, credentials: "same-origin" });
      if (answer.status < 500 || attempt === TRIES) return answer;
    } catch (error) {
      if (attempt === TRIES) throw error;
    }
    said.textContent = form.dataset.again;
    await new Promise((resolve) => setTimeout(resolve, Math.min(30000, 500 * 2 ** attempt)));
  }
}

async function send(site, batch, file, shown, sentBefore, total) {
  const { key, number } = numberOf(site, file);
  let { received } = await (await asked(address(number, { site }))).json();
  while (received < file.size) {
    // The name may hold a patient's: addresses are logged, this header is not.
    const options = { method: "PUT", headers: { "X-File-Name": encodeURIComponent(file.name) } };
    const body = file.slice(received, received + pieceBytes);
    const answer = await asked(address(number, { site, offset: received }), { ...options, body });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.message);
    received = told.received;
    bar.value = sentBefore + received;
    said.textContent = `${form.dataset.sending}: ${Math.floor((100 * (sentBefore + received)) / Math.max(1, total))} %`;
  }
  const answer = await asked(address(number, { site, size: file.size, batch }, "finish/"), { method: "POST" });
  if (!answer.ok) throw new Error((await answer.json()).message);
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
  for (const file of files) {
    const shown = document.createElement("li");
    shown.textContent = `${file.name}: ${form.dataset.sending}`;
    list.append(shown);
    try {
      await send(form.elements.site.value, batch, file, shown, sentBefore, total);
    } catch (error) {
      shown.textContent = `${file.name}: ${form.dataset.failed} (${error.message})`;
    }
    sentBefore += file.size;
    bar.value = sentBefore;
  }
  said.textContent = form.dataset.done;
  document.getElementById("upload-batch").hidden = false;
  button.disabled = false;
});
