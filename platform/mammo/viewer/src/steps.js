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
