// Differences between two wordings that stand on a page: what was proposed and what was made of it.
import { difference, show } from "./difference.js";

for (const pair of document.querySelectorAll("[data-compare]")) {
  const after = pair.querySelector("[data-after]");
  const language = pair.closest("[lang]")?.lang || "zh";
  show(after, difference(pair.querySelector("[data-before]").textContent, after.textContent, language));
}
