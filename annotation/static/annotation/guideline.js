// The drawer of the guideline: it takes the focus when it opens and gives it back, and never lies over two texts of
// which one is to be chosen.
const drawer = document.getElementById("guideline");
const conflict = document.getElementById("conflict");

const isOpen = () => drawer !== null && drawer.classList.contains("show");
const close = () => drawer.querySelector("[data-bs-dismiss]").click();

export function toggleGuideline() {
  document.querySelector("[data-guideline]")?.click();
}

// The focus goes where it was, unless the two texts have come meanwhile.
function giveBack(before) {
  if (!conflict.hidden) conflict.focus();
  else if (before?.isConnected && before !== document.body) before.focus({ preventScroll: true });
}

if (drawer) {
  drawer.addEventListener("show.bs.offcanvas", () => {
    const before = document.activeElement;
    drawer.addEventListener("hidden.bs.offcanvas", () => giveBack(before), { once: true });
  });
  drawer.addEventListener("shown.bs.offcanvas", () => drawer.focus());
  document.addEventListener("keydown", (event) => {
    const isElsewhere = event.target.closest?.("textarea, select, input, mammo-viewer, dialog");
    if (event.key === "Escape" && !event.isComposing && isOpen() && !isElsewhere) close();
  });
  new MutationObserver(() => {
    if (!conflict.hidden && isOpen()) close();
  }).observe(conflict, { attributeFilter: ["hidden"] });
}
