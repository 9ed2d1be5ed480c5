// A scoring form: a mark on a line or a typed number per aspect, Enter goes on, the clock runs while the form is in sight.

const form = document.querySelector("form[data-scoring]");
// Two digits within this time were meant as one number.
const SECOND_DIGIT_MS = 900;
const hasLines = form !== null && "lines" in form.dataset;

function pairs() {
  return [...form.querySelectorAll("[data-aspect]")].map((row) => ({
    name: row.querySelector("label").textContent,
    range: row.querySelector("input[type=range]"),
    number: row.querySelector("input[type=number]"),
  }));
}

function isWhole({ number }) {
  const value = number.value.trim();
  return /^-?\d+$/.test(value) && Number(value) >= Number(number.min) && Number(value) <= Number(number.max);
}

function isTyping() {
  return !hasLines || form.elements.is_typed.value === "1";
}

function mark(pair) {
  pair.number.toggleAttribute("data-wrong", pair.number.value !== "" && !isWhole(pair));
  pair.number.setAttribute("aria-invalid", String(pair.number.value !== "" && !isWhole(pair)));
}

// Sets the mark; until then the line is empty and counts as not scored.
function put(pair, value) {
  pair.range.value = String(value);
  pair.range.removeAttribute("data-unset");
  pair.range.removeAttribute("aria-valuetext");
  pair.number.value = pair.range.value;
  mark(pair);
  pair.number.dispatchEvent(new Event("input", { bubbles: true }));
}

function followLine(pair) {
  const { range } = pair;
  let lastDigit = -Infinity;
  range.addEventListener("input", () => put(pair, range.value));
  // A click on an untouched line sets the mark even where the hidden thumb already stood.
  range.addEventListener("pointerup", () => {
    if (range.hasAttribute("data-unset")) put(pair, range.value);
  });
  range.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [low, high] = [Number(range.min), Number(range.max)];
    if (/^\d$/.test(event.key)) {
      event.preventDefault();
      if (event.timeStamp - lastDigit < SECOND_DIGIT_MS) {
        // "85" is no number here: the second digit would throw the mark elsewhere. Say how it is meant instead.
        form.querySelector("[data-keys-hint]")?.setAttribute("data-asked", "");
        return;
      }
      lastDigit = event.timeStamp;
      put(pair, form.dataset.digits.split(" ")[Number(event.key)]);
    } else if (event.key.startsWith("Arrow") && range.hasAttribute("data-unset")) {
      // From an empty line the keys begin in the middle, not at an end.
      event.preventDefault();
      put(pair, Math.round((low + high) / 2));
    }
  });
}

function followNumber(pair) {
  pair.number.addEventListener("input", () => {
    if (pair.range && isTyping()) {
      pair.range.toggleAttribute("data-unset", !isWhole(pair));
      if (isWhole(pair)) pair.range.value = pair.number.value;
    }
    mark(pair);
  });
  pair.number.addEventListener("focus", () => {
    if (isTyping()) pair.number.select();
  });
}

function control(pair) {
  return isTyping() ? pair.number : pair.range;
}

function enterGoesOn(all) {
  all.forEach((pair, index) => {
    for (const field of [pair.range, pair.number]) {
      field?.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        const next = all[index + 1];
        if (next) control(next).focus();
        else send(all);
      });
    }
  });
}

// In words at the foot, once sending was refused: which lines lack a mark, and which hold what is none.
function sayWhatLacks(all) {
  const place = form.querySelector("[data-lacks]");
  const list = new Intl.ListFormat(document.documentElement.lang);
  const told = (text, lines) => (lines.length ? text.replace("{lines}", list.format(lines.map(({ name }) => name))) : "");
  const wrong = all.filter((pair) => !isWhole(pair));
  const empty = wrong.filter(({ number }) => number.value === "");
  const filled = wrong.filter(({ number }) => number.value !== "");
  const said = [told(place.dataset.textEmpty, empty), told(place.dataset.textWrong, filled)].filter(Boolean).join(" · ");
  if (place.textContent !== said) place.textContent = said;
}

function send(all) {
  const missing = all.find((pair) => !isWhole(pair));
  if (missing) {
    missing.number.setAttribute("data-wrong", "");
    control(missing).focus();
    form.dataset.refused = "";
    sayWhatLacks(all);
    return;
  }
  const button = form.querySelector(".scoring-foot button");
  if (!button.disabled) form.requestSubmit(button);
}

// The answer stays over the lines and the foot under them: a line that a key leads to is shown between the two. Under a
// pointer nothing moves.
function showFocused() {
  form.addEventListener("focusin", ({ target }) => {
    if (!target.matches(":focus-visible")) return;
    target.closest("[data-aspect], .scoring-remarks > *")?.scrollIntoView({ block: "nearest", behavior: "instant" });
  });
}

function letType(all) {
  form.elements.is_typed.value = "1";
  for (const { range, number } of all) {
    number.readOnly = false;
    number.removeAttribute("tabindex");
    if (range) range.tabIndex = -1;
  }
  all[0].number.focus();
}

function hasViewer() {
  return !form.dataset.needsViewer || document.getElementById(form.dataset.needsViewer)?.dataset.ready === "1";
}

// Seconds in which the page was in sight, from when the images are there (or at once without images).
function runClock() {
  const field = form.elements.active_seconds;
  // A form that was refused counts on from what was sent.
  let seconds = Number(field.dataset.before) || 0;
  let since = null;
  const tick = () => {
    const now = performance.now();
    if (since !== null) seconds += (now - since) / 1000;
    since = document.visibilityState === "visible" && hasViewer() ? now : null;
    field.value = seconds.toFixed(1);
  };
  setInterval(tick, 500);
  document.addEventListener("visibilitychange", tick);
  form.addEventListener("submit", tick);
}

// The next case's images, one after the other, once this case's are there.
function fetchAhead() {
  const addresses = (form.dataset.prefetch || "").split(" ").filter(Boolean);
  const go = async () => {
    if (!hasViewer()) {
      setTimeout(go, 400);
      return;
    }
    for (const address of addresses) {
      try {
        await (await fetch(address, { priority: "low" })).arrayBuffer();
      } catch {
        return;
      }
    }
    form.dataset.prefetched = String(addresses.length);
  };
  if (addresses.length) go();
}

function lightText() {
  const button = document.querySelector("button[data-light]");
  if (!button) return;
  const pane = document.querySelector("[data-pane]");
  const show = (light) => {
    pane.toggleAttribute("data-light", light);
    button.setAttribute("aria-pressed", String(light));
  };
  show(sessionStorage.getItem("scoring-light") === "1");
  button.addEventListener("click", () => {
    const light = !pane.hasAttribute("data-light");
    sessionStorage.setItem("scoring-light", light ? "1" : "0");
    show(light);
  });
}

if (form) {
  const all = pairs();
  for (const pair of all) {
    if (pair.range) followLine(pair);
    followNumber(pair);
  }
  enterGoesOn(all);
  showFocused();
  form.addEventListener("input", () => {
    if ("refused" in form.dataset) sayWhatLacks(all);
  });
  form.querySelector("[data-type-values]")?.addEventListener("click", () => letType(all));
  if (hasLines && isTyping()) letType(all);
  form.addEventListener("submit", (event) => {
    if (all.every(isWhole)) return;
    event.preventDefault();
    event.stopPropagation();
    send(all);
  }, { capture: true });
  runClock();
  fetchAhead();
  lightText();
}
