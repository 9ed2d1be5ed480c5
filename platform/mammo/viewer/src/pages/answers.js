// What the server answers to htmx when it isn't the fragment that was asked for: the session is over, the text was
// changed by someone else meanwhile, the server failed or can't be reached. Nothing typed is ever replaced.

const SIGNED_OUT = [401, 403];

const find = (id) => document.getElementById(id);

function wasSentToSignIn(xhr, requestPath) {
  const signIn = document.body.dataset.signInUrl;
  if (!signIn || !xhr.responseURL) return false;
  const landed = new URL(xhr.responseURL).pathname;
  return landed === signIn && new URL(requestPath, document.baseURI).pathname !== signIn;
}

function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

// Signing in again in another tab gives a new token; the page that was left open must send that one.
function freshToken() {
  return cookie(document.body.dataset.csrfCookie ?? "csrftoken");
}

function refreshTokens() {
  const token = freshToken();
  if (!token) return;
  for (const input of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) input.value = token;
}

function askToSignIn() {
  const dialog = find("sign-in-again");
  if (dialog && !dialog.open) dialog.showModal();
}

export function showProblem(message) {
  const bar = find("problem");
  if (!bar) return;
  bar.querySelector("[data-problem-text]").textContent = message;
  bar.hidden = false;
}

export function hideProblem() {
  const bar = find("problem");
  if (bar) bar.hidden = true;
}

// A whole page where a fragment was asked for: the request was sent on to somewhere else.
function isWholePage(detail) {
  const picksPart = detail.selectOverride || detail.requestConfig.elt.closest("[hx-select], [hx-boost]");
  return !picksPart && /^\s*<!doctype/i.test(detail.serverResponse);
}

function onBeforeSwap(event) {
  const { xhr, pathInfo } = event.detail;
  if (!wasSentToSignIn(xhr, pathInfo.requestPath) && !isWholePage(event.detail)) return;
  event.detail.shouldSwap = false;
  event.detail.isError = true;
}

function onResponseError(event) {
  const { xhr, pathInfo } = event.detail;
  const texts = document.body.dataset;
  if (xhr.status === 400 || xhr.status === 409) {
    showPanel();
  } else if (SIGNED_OUT.includes(xhr.status) || wasSentToSignIn(xhr, pathInfo.requestPath)) {
    showProblem(texts.textSignedOut);
    askToSignIn();
  } else if (xhr.status !== 422) {
    showProblem(`${texts.textServerFailed} (${xhr.status})`);
  }
}

function showPanel() {
  const panel = find("conflict");
  if (!panel) return;
  panel.hidden = false;
  panel.scrollIntoView({ block: "nearest" });
  panel.focus();
}

export function watchAnswers() {
  const page = document.body;
  page.addEventListener("htmx:configRequest", (event) => {
    const token = freshToken();
    if (token) event.detail.headers["X-CSRFToken"] = token;
  });
  page.addEventListener("htmx:beforeSwap", onBeforeSwap);
  page.addEventListener("htmx:responseError", onResponseError);
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    page.addEventListener(name, () => showProblem(page.dataset.textUnreachable));
  }
  page.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) hideProblem();
  });
  page.addEventListener("click", (event) => {
    if (event.target.closest("[data-close-problem]")) hideProblem();
    if (event.target.closest("[data-close-conflict]")) find("conflict").hidden = true;
  });
  document.addEventListener("visibilitychange", refreshTokens);
  window.addEventListener("focus", refreshTokens);
}
