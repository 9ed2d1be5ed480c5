// A judgement needs the pictures: a form marked data-needs-viewer="<id of a mammo-viewer>" can't be sent until
// that viewer shows every image of the study, and its input[name=views_shown] then names the views on screen.

const gated = (viewer) => document.querySelectorAll(`form[data-needs-viewer="${viewer.id}"]`);

function apply(viewer, detail, open) {
  for (const form of gated(viewer)) {
    for (const button of form.querySelectorAll("[data-needs-views]")) button.disabled = !open;
    const input = form.querySelector("input[name=views_shown]");
    if (input) input.value = open ? detail.shown.join(" ") : "";
    const note = form.querySelector("[data-gate-note]");
    if (note) {
      // What the page says above the form need not stand beside the button once more.
      note.hidden = open || document.querySelector("[data-display-notice]") !== null;
      note.dataset.waiting ??= note.textContent;
      note.textContent = detail.refusal || note.dataset.waiting;
    }
  }
}

export function gateForms() {
  document.addEventListener("mammo-viewer:ready", (event) => apply(event.target, event.detail, true));
  document.addEventListener("mammo-viewer:failed", (event) => apply(event.target, event.detail, false));
  const saidBefore = ({ dataset }) => ({
    shown: (dataset.shown ?? "").split(" ").filter(Boolean),
    refusal: dataset.refusal ?? "",
  });
  const sweep = () => {
    for (const viewer of document.querySelectorAll("mammo-viewer")) {
      apply(viewer, saidBefore(viewer), viewer.dataset.ready === "1");
    }
  };
  sweep();
  document.body.addEventListener("htmx:afterSettle", sweep);
}
