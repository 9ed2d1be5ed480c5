// What the server answers to htmx when it isn't the fragment that was asked for: the session is over, the text was
// changed by someone else meanwhile, the server failed or can't be reached. Nothing typed is ever replaced.

import { isLost } from "./saves.js";
import { noteAnswer } from "./session.js";
import { askToSignIn, freshToken, refreshTokens } from "./sign_in_again.js";

const SIGNED_OUT = [401, 403];

const find = (id) => document.getElementById(id);

function wasSentToSignIn(xhr, requestPath) {
  const signIn = document.body.dataset.signInUrl;
  if (!signIn || !xhr.responseURL) return false;
  const landed = new URL(xhr.responseURL).pathname;
  return landed === signIn && new URL(requestPath, document.baseURI).pathname !== signIn;
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
    askToSignIn(() => resend(event.detail));
  } else if (xhr.status === 404 && event.target.matches("[data-draft]")) {
    showProblem(texts.textGone);
  } else if (xhr.status !== 422) {
    showProblem(`${texts.textServerFailed} (${xhr.status})`);
  }
}

// What was not saved is sent once more: a judgement by its form, a draft by saying that something was typed.
function resend(detail) {
  const { elt, triggeringEvent } = detail.requestConfig;
  const form = elt.closest("form");
  if (form && triggeringEvent?.type === "submit") form.requestSubmit(triggeringEvent.submitter);
  else if (form) form.dispatchEvent(new Event("input", { bubbles: true }));
  hideProblem();
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
    page.addEventListener(name, ({ detail }) =>
      showProblem(isLost(detail) ? page.dataset.textLost : page.dataset.textUnreachable),
    );
  }
  page.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful || wasSentToSignIn(event.detail.xhr, event.detail.pathInfo.requestPath)) return;
    noteAnswer();
    hideProblem();
  });
  page.addEventListener("click", (event) => {
    if (event.target.closest("[data-close-problem]")) hideProblem();
    if (event.target.closest("[data-close-conflict]")) find("conflict").hidden = true;
  });
  document.addEventListener("visibilitychange", refreshTokens);
  window.addEventListener("focus", refreshTokens);
}
