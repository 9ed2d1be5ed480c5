// Keys of the whole site: `?` the card of keys, `/` the page's search field, `g` then `h` or a digit to a place of the
// navigation. None fires while someone writes or an input method composes; the card has a switch that turns single
// keys off (WCAG 2.1.4), which pages' own scripts ask for in <html data-keys>.

const STORE = "mammo-single-keys";
const SECOND_KEY_WITHIN_MS = 1500;

// While a Pinyin candidate is being chosen, Enter and digits belong to the input method (key code 229).
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

export function isWriting(target) {
  return Boolean(target.closest?.("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=range])"));
}

const card = () => document.getElementById("keys-card");

function areOn() {
  return document.documentElement.dataset.keys !== "off";
}

// A browser that keeps nothing (private mode, full disk) only forgets the choice.
function remembered() {
  try {
    return localStorage.getItem(STORE);
  } catch {
    return null;
  }
}

function remember(choice) {
  try {
    localStorage.setItem(STORE, choice);
  } catch {
    // kept for this page only
  }
}

function openCard() {
  const dialog = card();
  if (!dialog || dialog.open) return;
  dialog.showModal();
  // The first field would take the focus, and the card would open at its end.
  dialog.querySelector("h2")?.focus();
  dialog.scrollTop = 0;
}

function place(key) {
  if (key === "h") return "/";
  const links = document.querySelectorAll("#site-nav a[data-place]");
  return links[Number(key) - 1]?.href;
}

function watch() {
  let waitsUntil = 0;
  document.addEventListener(
    "keydown",
    (event) => {
      if (isComposing(event) || isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (!areOn() || event.target.closest?.("dialog")) return;
      const goesOn = performance.now() < waitsUntil;
      waitsUntil = 0;
      const isTaken = goesOn ? goTo(event) : first(event);
      if (isTaken) {
        event.preventDefault();
        event.stopImmediatePropagation();
      }
    },
    { capture: true },
  );

  function first(event) {
    if (event.key === "?" || event.key === "？") {
      openCard();
      return true;
    }
    if (event.target.closest?.("mammo-viewer")) return false;
    if (event.key === "g") {
      waitsUntil = performance.now() + SECOND_KEY_WITHIN_MS;
      return true;
    }
    const search = event.key === "/" ? document.querySelector("[data-search]") : null;
    search?.focus();
    return search !== null;
  }

  function goTo(event) {
    const address = /^[h1-9]$/.test(event.key) ? place(event.key) : undefined;
    if (address) window.location.assign(address);
    return Boolean(address);
  }
}

export function enableKeys() {
  const isOff = remembered() === "off";
  document.documentElement.dataset.keys = isOff ? "off" : "on";
  const choice = card()?.querySelector("[data-single-keys]");
  if (choice) {
    choice.checked = !isOff;
    choice.addEventListener("change", () => {
      document.documentElement.dataset.keys = choice.checked ? "on" : "off";
      remember(choice.checked ? "on" : "off");
    });
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open-keys]")) openCard();
  });
  watch();
}
