// The page where a senior chooses: keys for the choice and for a small edit of the chosen answer.
import { countActiveSeconds, guardDrafts, reveal, sendOnlyByButton, toViewer, watchKeys } from "./work.js";

const form = document.getElementById("work");
const candidates = [...form.querySelectorAll("[data-candidate]")];

function choose(candidate) {
  const radio = candidate.querySelector("input[type=radio]");
  radio.checked = true;
  radio.focus({ preventScroll: true });
  reveal(candidate);
  radio.dispatchEvent(new Event("input", { bubbles: true }));
  refresh();
}

// The chosen answer has the first place; the others share the rest.
function refresh() {
  for (const candidate of candidates) {
    const rank = candidate.querySelector(".rank");
    if (!rank) continue;
    const isChosen = candidate.querySelector("input[type=radio]").checked;
    rank.disabled = isChosen;
    if (isChosen) rank.value = "";
  }
}

function edit() {
  const chosen = candidates.find((candidate) => candidate.querySelector("input[type=radio]").checked);
  const details = chosen?.querySelector("[data-edit]");
  if (!details) return;
  details.open = true;
  details.querySelector("textarea").focus();
}

form.addEventListener("change", refresh);
refresh();
const keys = { KeyV: toViewer, KeyE: edit, KeyL: () => document.querySelector("[data-guideline]")?.click() };
for (const [index, candidate] of candidates.slice(0, 9).entries()) {
  keys[`Digit${index + 1}`] = () => choose(candidate);
}
watchKeys(form, keys);
countActiveSeconds(form);
guardDrafts(form);
sendOnlyByButton(form);
