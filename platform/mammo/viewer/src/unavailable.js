// Where a view can't be shown or read, its reader says why, and the study is judged without it: a small form
// inside the slot. The reasons are those that the server knows.

export const REASONS = ["not_loaded", "unreadable"];

export function declareForm(slot, say, declared) {
  slot.element.querySelector(".mv-declare")?.remove();
  const form = document.createElement("form");
  form.className = "mv-declare";
  const label = document.createElement("label");
  label.textContent = say("declare", { view: slot.title });
  const select = document.createElement("select");
  for (const reason of REASONS) select.append(new Option(say(reason), reason));
  select.value = slot.shown ? "unreadable" : "not_loaded";
  label.append(select);
  const send = document.createElement("button");
  send.textContent = say("declareSend");
  const leave = document.createElement("button");
  leave.type = "button";
  leave.textContent = say("declareLeave");
  leave.addEventListener("click", () => close(form, slot));
  form.append(label, send, leave);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close(form, slot);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    close(form, slot);
    declared(select.value);
  });
  slot.element.append(form);
  select.focus();
}

function close(form, slot) {
  form.remove();
  slot.element.focus({ preventScroll: true });
}
