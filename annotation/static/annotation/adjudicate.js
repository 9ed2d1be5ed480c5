// The page where a third senior decides: digits choose among the two choices.
import { toggleGuideline } from "./guideline.js";
import { countActiveSeconds, guardDrafts, sendOnlyByButton, toViewer, watchKeys } from "./work.js";

const form = document.getElementById("work");
const keys = { KeyV: toViewer, KeyL: toggleGuideline };
for (const [index, candidate] of [...form.querySelectorAll("[data-candidate]")].slice(0, 9).entries()) {
  keys[`Digit${index + 1}`] = () => {
    const radio = candidate.querySelector("input[type=radio]");
    radio.checked = true;
    radio.focus();
    radio.dispatchEvent(new Event("input", { bubbles: true }));
  };
}
watchKeys(form, keys);
countActiveSeconds(form);
guardDrafts(form);
sendOnlyByButton(form);
