// What correcting and picking share: keys that never fire while someone writes, time at work, and a draft that
// stops being sent once it is known to be older than the stored one.

const IDLE_AFTER_MS = 30_000;

// While a Pinyin candidate is being chosen, Enter and digits belong to the input method (key code 229).
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

export function isWriting(target) {
  return target.closest?.("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])") !== null;
}

// Who writes in a part with a button of its own (an answer of one's own, a reason for sending back) means that button.
function send(form, target) {
  const own = target.closest?.("[data-sends-own]")?.querySelector("[data-sends]");
  if (own) own.click();
  else form.requestSubmit(form.querySelector("[data-submit]"));
}

// keys: event.code -> action, for keys without modifiers; "Shift+Digit1" for those with Shift.
export function watchKeys(form, keys) {
  document.addEventListener("keydown", (event) => {
    if (isComposing(event) || event.defaultPrevented) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      send(form, event.target);
      return;
    }
    if (event.key === "Escape" && isWriting(event.target)) {
      event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (isWriting(event.target) || event.target.closest?.("mammo-viewer, dialog")) return;
    if (document.documentElement.dataset.keys === "off") return;
    const action = keys[event.shiftKey ? `Shift+${event.code}` : event.code];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

// Shows the whole of a card, or its beginning where it is higher than the page; the bar below never covers it
// (scroll-margin in annotation.css).
export function reveal(card) {
  card.scrollIntoView({ block: "nearest", behavior: "instant" });
  const text = card.querySelector("textarea, [data-text]");
  if (text && !isInView(text)) card.scrollIntoView({ block: "start", behavior: "instant" });
}

// Whether a part can be read: nothing of it lies outside the window or under the bar below; `endOnly`: its end.
export function isInView(part, { endOnly = false } = {}) {
  const box = part.getBoundingClientRect();
  const bar = document.querySelector(".send")?.getBoundingClientRect();
  const end = bar && bar.top < window.innerHeight ? Math.min(bar.top, window.innerHeight) : window.innerHeight;
  let panel = part.parentElement;
  while (panel && getComputedStyle(panel).overflowY === "visible") panel = panel.parentElement;
  const top = panel && panel !== document.documentElement ? Math.max(0, panel.getBoundingClientRect().top) : 0;
  return (endOnly ? box.bottom > top : box.top >= top - 1) && box.bottom <= end + 1;
}

export function toViewer() {
  const viewer = document.querySelector("mammo-viewer");
  const target = viewer?.querySelector("[tabindex], button") ?? viewer;
  target?.focus();
}

// Counts the seconds in which the page is seen and something is done.
export function countActiveSeconds(form) {
  const field = form.elements.active_seconds;
  let lastAct = performance.now();
  for (const name of ["pointermove", "pointerdown", "wheel", "keydown"]) {
    document.addEventListener(name, () => (lastAct = performance.now()), { passive: true });
  }
  setInterval(() => {
    if (!document.hidden && performance.now() - lastAct < IDLE_AFTER_MS) field.value = Number(field.value) + 1;
  }, 1000);
}

// The hour at which a draft was saved before this page was opened, by this machine's clock as all later ones.
function sayWhenSaved(place) {
  if (!place) return;
  const at = new Date(place.dataset.savedAt);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `;
  const isToday = at.toDateString() === new Date().toDateString();
  const told = `${isToday ? "" : day}${two(at.getHours())}:${two(at.getMinutes())}`;
  place.textContent = `${document.body.dataset.textSaved} ${told}`;
}

// By its own name and count the server knows what this very page saved last, even where its answer was lost on the
// way: that is no other page's text.
function nameSaves(form, draft) {
  const drawn = crypto.getRandomValues(new Uint8Array(16));
  const page = [...drawn].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  let number = 0;
  form.addEventListener("htmx:configRequest", ({ target, detail }) => {
    detail.parameters.draft_page = page;
    if (target === draft) detail.parameters.draft_number = ++number;
  });
}

// What a person put into the form, without what the page counts or renews on its own.
function contents(form) {
  const own = new Set(["csrfmiddlewaretoken", "active_seconds", "draft_version"]);
  return JSON.stringify([...new FormData(form)].filter(([name]) => !own.has(name)));
}

// Drafts and the sending (by the form, or by one of its [data-sends] buttons) wait for each other (hx-sync), so that
// the version a page sends is the stored one. No draft follows the sending, and none a 409 of its own: the page is
// then older than what is stored, and trying again would only interrupt. After a refusal the page is saved once
// more: what it says of saving is then true again. Where the answer to the sending was lost, the same contents may
// stand as sent already: no draft of them follows, they are sent again by the same button.
export function guardDrafts(form) {
  sayWhenSaved(form.querySelector("[data-saved-at]"));
  const draft = form.querySelector("[data-draft]");
  let sent = null;
  let lost = null;
  const isSending = (target) => target === form || target.matches("[data-sends]");
  nameSaves(form, draft);
  draft.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 409) draft.dataset.stale = "1";
  });
  form.addEventListener("htmx:beforeRequest", (event) => {
    if (isSending(event.target)) {
      form.dataset.sending = "1";
      sent = contents(form);
    } else if (draft.dataset.stale || form.dataset.sending || contents(form) === lost) {
      event.preventDefault();
      event.stopPropagation(); // nothing is being saved, so the page must not say so
    }
  });
  form.addEventListener("htmx:afterRequest", (event) => {
    if (!isSending(event.target) || event.detail.successful) return;
    delete form.dataset.sending;
    lost = event.detail.xhr.status === 0 ? sent : null;
    if ([400, 409].includes(event.detail.xhr.status)) draft.dispatchEvent(new CustomEvent("refused"));
  });
}

// An Enter in a one-line field must not send a judgement by accident.
export function sendOnlyByButton(form) {
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
    }
  });
}
