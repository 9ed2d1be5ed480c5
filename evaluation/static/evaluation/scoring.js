// A scoring form: slider and number are one value, Enter goes on, and the clock runs while the form is in sight.

const form = document.querySelector("form[data-scoring]");

function pairs() {
  return [...form.querySelectorAll("[data-aspect]")].map((row) => ({
    range: row.querySelector("input[type=range]"),
    number: row.querySelector("input[type=number]"),
  }));
}

function isWhole({ number }) {
  const value = number.value.trim();
  return /^-?\d+$/.test(value) && Number(value) >= Number(number.min) && Number(value) <= Number(number.max);
}

function mark(pair) {
  pair.number.toggleAttribute("data-wrong", pair.number.value !== "" && !isWhole(pair));
  pair.number.setAttribute("aria-invalid", String(pair.number.value !== "" && !isWhole(pair)));
}

function follow(pair) {
  pair.range.addEventListener("input", () => {
    pair.range.removeAttribute("data-unset");
    pair.number.value = pair.range.value;
    mark(pair);
  });
  // A click on an untouched line sets the mark even where the thumb already stood.
  pair.range.addEventListener("pointerup", () => {
    if (pair.number.value !== "") return;
    pair.range.dispatchEvent(new Event("input", { bubbles: true }));
  });
  pair.number.addEventListener("input", () => {
    pair.range.toggleAttribute("data-unset", !isWhole(pair));
    if (isWhole(pair)) pair.range.value = pair.number.value;
    mark(pair);
  });
  pair.number.addEventListener("focus", () => pair.number.select());
}

function enterGoesOn(all) {
  all.forEach(({ number }, index) => {
    number.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const next = all[index + 1];
      if (next) next.number.focus();
      else send(all);
    });
  });
}

function send(all) {
  const missing = all.find((pair) => !isWhole(pair));
  if (missing) {
    missing.number.setAttribute("data-wrong", "");
    missing.number.focus();
    return;
  }
  const button = form.querySelector(".scoring-foot button");
  if (!button.disabled) form.requestSubmit(button);
}

// Seconds in which the page was in sight, from when the images are there (or at once without images).
function runClock() {
  const field = form.elements.active_seconds;
  let seconds = 0;
  let since = null;
  const hasStarted = () => !form.dataset.needsViewer || document.getElementById(form.dataset.needsViewer)?.dataset.ready === "1";
  const tick = () => {
    const now = performance.now();
    if (since !== null) seconds += (now - since) / 1000;
    since = document.visibilityState === "visible" && hasStarted() ? now : null;
    field.value = seconds.toFixed(1);
  };
  setInterval(tick, 500);
  document.addEventListener("visibilitychange", tick);
  form.addEventListener("submit", tick);
}

if (form) {
  const all = pairs();
  all.forEach(follow);
  enterGoesOn(all);
  form.addEventListener("submit", (event) => {
    if (all.every(isWhole)) return;
    event.preventDefault();
    event.stopPropagation();
    send(all);
  }, { capture: true });
  runClock();
}
