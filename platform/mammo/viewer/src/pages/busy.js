// Says "Working …" while a page or an htmx answer takes longer than a moment. Polling and drafts, which go on behind
// the work, stay silent.

const AFTER_MS = 600;
// A download leaves the page where it is and tells nobody when it has begun. It is marked data-download: a link's own
// attribute `download` would save the sign-in page as the file where somebody has to sign in again.
export const DOWNLOAD_MS = 4000;

const sign = () => document.getElementById("busy");
let timer = 0;
let running = 0;

function show() {
  if (sign()) sign().hidden = false;
}

function expect() {
  clearTimeout(timer);
  timer = setTimeout(show, AFTER_MS);
}

function expectFile() {
  expect();
  setTimeout(rest, DOWNLOAD_MS);
}

function rest() {
  clearTimeout(timer);
  if (sign()) sign().hidden = true;
}

const isQuiet = (element) => Boolean(element?.closest?.('[data-draft], [hx-trigger^="every"], [hx-trigger^="load"]'));

function isPlainClick(event, link) {
  const isOther = event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (isOther || event.defaultPrevented || link.target || link.origin !== window.location.origin) return false;
  return !(link.hash && link.pathname === window.location.pathname && link.search === window.location.search);
}

export function watchTime() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || !isPlainClick(event, link)) return;
    if (link.hasAttribute("data-download")) expectFile();
    else expect();
  });
  document.addEventListener("submit", (event) => {
    const isInPlace = event.target.method === "dialog" || event.target.closest("[hx-post], [hx-get]");
    if (event.defaultPrevented || isInPlace) return;
    if (event.target.hasAttribute("data-download")) expectFile();
    else expect();
  });
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (isQuiet(event.detail.elt)) return;
    running += 1;
    expect();
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (isQuiet(event.detail.elt)) return;
    running = Math.max(0, running - 1);
    if (running === 0) rest();
  });
  window.addEventListener("pageshow", rest);
}
