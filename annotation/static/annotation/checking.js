// Warnings speak of the text that was checked: while another one stands there, they are marked as being checked again.
export function markWhileChecked(form, check, answers) {
  const checked = new Map();
  let asked = new Map();

  function mark({ card, text }) {
    // Each answer of the server brings new places for them.
    const place = card.querySelector(".warnings");
    if (checked.get(text) === text.value) delete place.dataset.checking;
    else place.dataset.checking = form.dataset.textChecking;
  }

  for (const answer of answers) answer.text.addEventListener("input", () => mark(answer));
  check.addEventListener("htmx:beforeRequest", () => {
    asked = new Map(answers.map(({ text }) => [text, text.value]));
  });
  check.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (!detail.successful) return;
    for (const [text, value] of asked) checked.set(text, value);
    for (const answer of answers) mark(answer);
  });
}
