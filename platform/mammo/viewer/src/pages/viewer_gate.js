// A judgement needs the pictures: a form marked data-needs-viewer="<id of a mammo-viewer>" can't be sent until
// that viewer shows every image of the study, and its input[name=views_shown] then names the views on screen.

import { wayToDisplay } from "../way_to_display.js";

const gated = (viewer) => document.querySelectorAll(`form[data-needs-viewer="${viewer.id}"]`);

// Beside the button, also where the top of the page says it: that has scrolled away once the answers are settled.
function tell(note, viewer, refusal, open) {
  note.hidden = open;
  note.dataset.waiting ??= note.textContent;
  const said = refusal || note.dataset.waiting;
  const leads = Boolean(refusal) && "refusesDisplay" in viewer.dataset;
  note.toggleAttribute("data-refused", Boolean(refusal));
  note.classList.toggle("text-secondary", !refusal);
  // A link that has the focus stays the same one.
  if (note.dataset.said === said && (note.querySelector("a") !== null) === leads) return;
  note.dataset.said = said;
  note.textContent = said;
  if (leads) note.append(" ", wayToDisplay(viewer));
}

function apply(viewer, detail, open) {
  for (const form of gated(viewer)) {
    for (const button of form.querySelectorAll("[data-needs-views]")) button.disabled = !open;
    const input = form.querySelector("input[name=views_shown]");
    if (input) input.value = open ? detail.shown.join(" ") : "";
    const note = form.querySelector("[data-gate-note]");
    if (note) tell(note, viewer, detail.refusal, open);
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
