// A form is sent once: a fresh key per page tells the server a repeated press from a second wish, and the button
// rests while the answer is on its way.

function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function fillKeys(root) {
  for (const input of root.querySelectorAll("input[data-fresh-key]")) {
    if (!input.value) input.value = freshKey();
  }
}

// Back from another page, the browser restores the page as it was left: with its buttons at rest.
function wakeButtons() {
  for (const button of document.querySelectorAll("button[data-resting]")) {
    button.disabled = false;
    delete button.dataset.resting;
  }
}

export function watchForms() {
  fillKeys(document);
  document.body.addEventListener("htmx:afterSettle", (event) => fillKeys(event.target));
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.closest("[hx-post], [hx-put], [hx-boost]")) return;
    form.dataset.leaving = "1";
    // Disabled at once, the pressed button would drop out of what is sent.
    setTimeout(() => {
      for (const button of form.querySelectorAll("button:not([type=button])")) {
        if (button.disabled) continue;
        button.disabled = true;
        button.dataset.resting = "1";
      }
    });
  });
  window.addEventListener("pageshow", wakeButtons);
}
