// The page where a junior settles the proposals: live difference, "no change needed", and a form that can be sent
// only when every answer is settled.
import { markWhileChecked } from "./checking.js";
import { difference, show } from "./difference.js";
import { toggleGuideline } from "./guideline.js";
import { applied, replacements } from "./shared_sentences.js";
import {
  countActiveSeconds,
  guardDrafts,
  isInView,
  reveal,
  sendOnlyByButton,
  toViewer,
  watchKeys,
} from "./work.js";

const form = document.getElementById("work");
const answers = [...form.querySelectorAll("[data-answer]")].map((card) => ({
  card,
  proposed: card.querySelector("[data-proposed]").textContent,
  text: card.querySelector("textarea"),
  noChange: card.querySelector("[data-no-change]"),
  place: card.querySelector("[data-difference]"),
  settled: card.querySelector("[data-settled]"),
  tags: [...card.querySelectorAll("[data-tags] input")],
  applyAll: card.querySelector("[data-apply-all]"),
  restore: card.querySelector("[data-restore]"),
  judged: card.querySelector("[data-judged]"),
}));

const plain = (text) => text.replaceAll("\r\n", "\n").trim();

// After a return: this person's own texts that came back, by the id of their proposal.
const sentBack = JSON.parse(document.getElementById("sent-back")?.textContent ?? "{}");
const stands = form.querySelector("[data-stands]");
const isAsSentBack = (answer) => sentBack[answer.text.name.slice("text-".length)] === plain(answer.text.value);
const isUntouched = () => stands !== null && answers.every(isAsSentBack);

function stateOf(answer) {
  if (answer.noChange.checked) return "unchanged";
  const text = plain(answer.text.value);
  return text && text !== plain(answer.proposed) ? "changed" : "open";
}

function refresh(answer) {
  const state = stateOf(answer);
  const isChanged = plain(answer.text.value) !== plain(answer.proposed);
  answer.card.dataset.state = state;
  const said = isAsSentBack(answer) ? "returned" : state;
  answer.settled.textContent = answer.settled.dataset[`text${said[0].toUpperCase()}${said.slice(1)}`];
  if (stands) stands.hidden = !isUntouched();
  answer.text.readOnly = answer.noChange.checked;
  answer.noChange.disabled = isChanged;
  for (const tag of answer.tags) {
    tag.disabled = answer.noChange.checked;
    // Each error that is tagged may cite a heading of its own.
    const cite = answer.card.querySelector(`[data-cite="${tag.value}"]`);
    if (cite) cite.hidden = !tag.checked;
  }
  answer.place.hidden = !isChanged;
  answer.restore.hidden = !isChanged;
  // Asked once, when the first change is made: who closes it is not asked again.
  if (state === "changed" && !answer.judged.dataset.asked) {
    answer.judged.open = true;
    answer.judged.dataset.asked = "1";
  }
  if (isChanged) show(answer.place, difference(plain(answer.proposed), plain(answer.text.value), form.lang || "zh"));
  for (const one of answers) one.applyAll.hidden = !othersThatChange(one).length;
  const open = answers.filter((one) => stateOf(one) === "open");
  form.querySelector("[data-still-open]").hidden = !open.length;
  form.querySelector("[data-open-letters]").textContent = open.map((one) => one.card.dataset.letter).join(", ");
}

// Other texts that still hold a sentence which this one replaced.
function othersThatChange(answer) {
  const changes = replacements(plain(answer.proposed), plain(answer.text.value));
  if (!changes.length) return [];
  return answers
    .filter((other) => other !== answer && !other.noChange.checked)
    .map((other) => ({ other, text: applied(other.text.value, changes) }))
    .filter(({ other, text }) => text !== other.text.value);
}

// Written as if typed, so that the browser's own undo takes it back.
function write(area, text) {
  area.focus();
  area.setSelectionRange(0, area.value.length);
  if (!document.execCommand("insertText", false, text)) {
    area.value = text;
    changed(area);
  }
}

function insert(area, text) {
  area.focus();
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    changed(area);
  }
}

function changed(element) {
  element.dispatchEvent(new Event("input", { bubbles: true }));
}

for (const answer of answers) {
  answer.text.addEventListener("input", () => refresh(answer));
  for (const tag of answer.tags) tag.addEventListener("input", () => refresh(answer));
  answer.noChange.addEventListener("input", () => {
    if (answer.noChange.checked) for (const tag of answer.tags) tag.checked = false;
    refresh(answer);
  });
  answer.restore.addEventListener("click", () => {
    answer.text.value = answer.proposed;
    changed(answer.text);
    answer.text.focus();
  });
  answer.applyAll.addEventListener("click", () => {
    for (const { other, text } of othersThatChange(answer)) write(other.text, text);
    answer.text.focus();
  });
  for (const button of answer.card.querySelectorAll("[data-copy-from]")) {
    button.addEventListener("click", () => {
      const source = answers[Number(button.dataset.copyFrom)];
      if (!answer.noChange.checked) write(answer.text, source.text.value);
    });
  }
  const phrases = answer.card.querySelector("[data-phrases]");
  phrases?.addEventListener("change", () => {
    if (phrases.value && !answer.noChange.checked) insert(answer.text, phrases.value);
    phrases.selectedIndex = 0;
  });
}
for (const answer of answers) refresh(answer);
markWhileChecked(form, document.querySelector("[data-check]"), answers);

// Asked before htmx: an answer that is not settled keeps the form here and takes the focus.
form.addEventListener(
  "submit",
  (event) => {
    const open = answers.find((answer) => stateOf(answer) === "open");
    const isWaiting = form.querySelector("[data-submit]").disabled;
    const unsaid = !open && isUntouched() && !plain(stands.querySelector("input").value);
    if (!open && !isWaiting && !unsaid) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (unsaid) {
      stands.setAttribute("role", "alert");
      stands.querySelector("input").focus({ preventScroll: true });
      reveal(stands);
    }
    if (!open) return;
    const note = form.querySelector("[data-still-open]");
    note.classList.replace("text-secondary", "text-warning");
    note.setAttribute("role", "alert");
    open.text.focus({ preventScroll: true });
    reveal(open.card);
  },
  { capture: true },
);

const keys = { KeyV: toViewer, KeyL: toggleGuideline };
for (const [index, answer] of answers.slice(0, 9).entries()) {
  keys[`Digit${index + 1}`] = () => {
    answer.text.focus({ preventScroll: true });
    reveal(answer.card);
  };
  // An answer out of sight is shown first: "no change needed" is said of what was read.
  keys[`Shift+Digit${index + 1}`] = () => {
    if (isInView(answer.text)) answer.noChange.click();
    else answer.noChange.focus({ preventScroll: true });
    reveal(answer.card);
  };
}
watchKeys(form, keys);
countActiveSeconds(form);
guardDrafts(form);
sendOnlyByButton(form);
