// The page where a senior chooses: keys for the choice and for a small edit of the chosen answer.
import { toggleGuideline } from "./guideline.js";
import { countActiveSeconds, guardDrafts, isInView, reveal, sendOnlyByButton, toViewer, watchKeys } from "./work.js";

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

// The best of three is said of three that were read: one whose end was never in view is shown first.
const textOf = (candidate) => candidate.querySelector("[data-text]");
const unseen = new Set(candidates);

function look() {
  for (const candidate of unseen) {
    if (isInView(textOf(candidate), { endOnly: true })) unseen.delete(candidate);
  }
}

const watch = new IntersectionObserver(look, { threshold: [0, 0.25, 0.5, 0.75, 1] });
for (const candidate of candidates) watch.observe(textOf(candidate));
document.addEventListener("scroll", look, { capture: true, passive: true });

// Asked before htmx.
form.addEventListener(
  "submit",
  (event) => {
    const next = candidates.find((candidate) => unseen.has(candidate));
    if (!next) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    form.querySelector("[data-unseen-note]").hidden = false;
    reveal(next);
    look();
    // Higher than the page: its end has to be scrolled to.
    if (unseen.has(next)) next.scrollIntoView({ block: "end", behavior: "instant" });
  },
  { capture: true },
);

form.addEventListener("change", refresh);
refresh();
const keys = { KeyV: toViewer, KeyE: edit, KeyL: toggleGuideline };
for (const [index, candidate] of candidates.slice(0, 9).entries()) {
  keys[`Digit${index + 1}`] = () => choose(candidate);
}
watchKeys(form, keys);
countActiveSeconds(form);
guardDrafts(form);
sendOnlyByButton(form);
