// One physical scale for all views on screen.
import { isReduced } from "./engine.js";

// The largest view sets the scale, and a smaller detector's image is drawn smaller, its chest wall back on the edge.
// Images without a known pixel spacing share a scale of their own, and so does the one that was enlarged.
export function hangAtOneScale(slots, enlarged) {
  slots.forEach((slot) => slot.viewport.resetCamera());
  if (isReduced()) {
    slots.forEach((slot) => slot.viewport.render());
    return;
  }
  slots.forEach((slot) => slot.unflip());
  const others = slots.filter((slot) => slot !== enlarged);
  placeTogether(others.filter((slot) => slot.hasSpacing));
  placeTogether(others.filter((slot) => !slot.hasSpacing));
  placeTogether(slots.filter((slot) => slot === enlarged));
}

function placeTogether(slots) {
  const scales = slots.map((slot) => slot.place());
  const largest = Math.max(...scales);
  slots.forEach((slot, index) => {
    if (scales[index] !== largest) slot.place(largest / scales[index]);
    slot.viewport.render();
    slot.writeFigures();
  });
}
