// The hanging as steps on one key: all views, the CC pair, the MLO pair, each view pixel for pixel, the earlier
// study beside this one. Pure: no browser, no Cornerstone.

const PAIRS = { cc: ["RCC", "LCC"], mlo: ["RMLO", "LMLO"] };

// `slots` of the present study in hanging order. A step names the slots that are on screen.
export function stepsOf(slots, hasEarlier) {
  const held = slots.filter((slot) => !slot.isMissing).map((slot) => slot.plan.name);
  const steps = [{ name: "four", slots: null }];
  if (held.length > 1) {
    for (const [name, pair] of Object.entries(PAIRS)) {
      const found = pair.filter((view) => held.includes(view));
      if (found.length > 0) steps.push({ name, slots: found });
    }
    for (const view of held) steps.push({ name: "single", slots: [view] });
  }
  if (hasEarlier) steps.push({ name: "prior", slots: null });
  return steps;
}

// Whether a slot is on screen in a step: the earlier study in its own step alone, beside the present one.
export function isInStep({ name, slots }, { name: view, earlier }) {
  if (slots === null) return name === "prior" || !earlier;
  return slots.includes(view) && !earlier;
}

// Whether every study can be opened at a step like this one: single views differ from study to study.
export const canBegin = ({ name }) => name !== "single";

// What a step shows, in the reader's language; `titleOf(view)` gives a view's own title.
export function nameOfStep({ name, slots }, say, titleOf) {
  if (name === "four") return say("stepFour");
  if (name === "prior") return say("stepPrior");
  if (name === "single") return say("stepSingle", { view: titleOf(slots[0]) });
  return name.toUpperCase();
}
