// A form is sent once: its button rests while the answer is on its way. (A second sending that comes through all the
// same meets the form's idempotency key.) One marked data-download is answered with a file, which leaves the page in
// place: its button wakes after a moment.

import { DOWNLOAD_MS } from "./busy.js";

// Back from another page, the browser restores the page as it was left: with its buttons at rest.
function wakeButtons(within) {
  for (const button of within.querySelectorAll("button[data-resting]")) {
    button.disabled = false;
    delete button.dataset.resting;
  }
}

export function watchForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method === "dialog" || form.closest("[hx-post], [hx-put], [hx-boost]")) return;
    const isDownload = form.hasAttribute("data-download");
    if (!isDownload) form.dataset.leaving = "1";
    // Disabled at once, the pressed button would drop out of what is sent.
    setTimeout(() => {
      for (const button of form.querySelectorAll("button:not([type=button])")) {
        if (button.disabled) continue;
        button.disabled = true;
        button.dataset.resting = "1";
      }
    });
    if (isDownload) setTimeout(() => wakeButtons(form), DOWNLOAD_MS);
  });
  window.addEventListener("pageshow", () => wakeButtons(document));
}
