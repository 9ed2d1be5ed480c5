// A reading form: a click on a view places the lesion, the clock runs while the case is in sight.

const form = document.querySelector("form[data-reading]");

function showLesion() {
  const none = form.elements.finding.value === "none";
  form.querySelector("[data-lesion]").hidden = none;
}

// The viewer tells where in the image a click was, in shares of its width and height.
function place({ view, across, down }) {
  if (form.elements.finding.value === "none") return;
  // Of one breast only this one is read: a lesion of the other would count as a decision about it.
  const isOther = Boolean(form.dataset.breast) && view[0] !== form.dataset.breast;
  const note = form.querySelector("[data-other-breast]");
  note.textContent = isOther ? note.dataset.otherBreast : "";
  if (isOther) return;
  form.elements.point_view.value = view;
  form.elements.point_across.value = (100 * across).toFixed(1);
  form.elements.point_down.value = (100 * down).toFixed(1);
  if (!form.elements.side.value) form.elements.side.value = view[0];
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

function runClock() {
  const field = form.elements.active_seconds;
  const viewer = document.getElementById(form.dataset.needsViewer);
  // A form that was refused counts on from what was sent.
  let seconds = Number(field.dataset.before) || 0;
  let since = null;
  const tick = () => {
    const now = performance.now();
    if (since !== null) seconds += (now - since) / 1000;
    since = document.visibilityState === "visible" && viewer?.dataset.ready === "1" ? now : null;
    field.value = seconds.toFixed(1);
  };
  setInterval(tick, 500);
  document.addEventListener("visibilitychange", tick);
  form.addEventListener("submit", tick);
}

if (form) {
  form.elements.finding.addEventListener("change", showLesion);
  document.addEventListener("mammo-viewer:point", (event) => place(event.detail));
  showLesion();
  runClock();
}
