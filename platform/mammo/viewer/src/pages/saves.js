// A form marked data-autosave says in its [data-save-state] element whether what is typed is saved, and the page
// asks before it is left while something is not.

// The form carries the attribute too: a page without such an element must not have its form overwritten.
const STATE = "[data-save-state]:not(form)";
const LEFT = ["unsaved", "unknown", "failed"].map((state) => `form[data-save-state="${state}"]`).join(", ");
const stateOf = (form) => form.querySelector(STATE) ?? document.querySelector(STATE);

function say(form, state) {
  form.dataset.saveState = state;
  const place = stateOf(form);
  if (!place) return;
  const time = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const texts = document.body.dataset;
  const said = {
    unsaved: texts.textUnsaved,
    saving: texts.textSaving,
    saved: `${texts.textSaved} ${time}`,
    unknown: texts.textNoAnswer,
    failed: texts.textNotSaved,
  };
  place.dataset.state = state;
  place.textContent = said[state];
}

const autosaved = (event) => (event.detail?.elt ?? event.target).closest?.("form[data-autosave]");

// A form that counts once, and whose drafts, if it keeps any, are saved apart ([data-draft]), was sent and no answer
// came: it may stand already, and sending it again makes no second row.
export function isLost({ elt, xhr }) {
  const form = elt.closest("form");
  const draft = form?.querySelector("[data-draft]");
  const isSending = form?.matches("[data-autosave]") ? Boolean(draft) && elt !== draft : form?.elements.idempotency_key;
  return xhr.status === 0 && Boolean(isSending);
}

export function watchSaves() {
  document.body.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-autosave]");
    if (form) say(form, "unsaved");
  });
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const form = autosaved(event);
    if (form) say(form, "saving");
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const form = autosaved(event);
    if (!form) return;
    // Text typed while the request was under way is not part of what was saved.
    if (form.dataset.saveState === "unsaved" && event.detail.successful) return;
    if (isLost(event.detail)) say(form, "unknown");
    else say(form, event.detail.successful ? "saved" : "failed");
  });
  // What was typed before this script ran is saved as well: nobody heard its input event.
  window.addEventListener("load", () => {
    for (const area of document.querySelectorAll("form[data-autosave] textarea")) {
      if (area.value !== area.defaultValue) area.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });
  window.addEventListener("beforeunload", (event) => {
    const left = document.querySelector(LEFT);
    if (left && !left.dataset.leaving) event.preventDefault();
  });
}
