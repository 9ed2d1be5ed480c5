// Windows of several views at once: the file's presets, narrower and wider, and beside an earlier study the same
// view of the other one, which takes part in every change.

export class Windows {
  #changing = false;

  // `visible()` gives the slots on screen, `isLinked()` whether an earlier study hangs beside and follows.
  constructor({ visible, isLinked }) {
    Object.assign(this, { visible, isLinked });
  }

  // What changes every view's window must not come back through the linked one.
  #change(act) {
    this.#changing = true;
    this.visible().forEach(act);
    this.#changing = false;
  }

  scale(factor) {
    this.#change((slot) => slot.scaleWidth(factor));
  }

  // By the explanation that the file gives: makers order their windows as they like. A view that has none of this
  // name shows the window it came with.
  choose(index, label) {
    const named = (preset) => preset.label.trim().toUpperCase() === label.trim().toUpperCase();
    this.#change((slot) => {
      const { presets } = slot.image;
      slot.setWindow((label ? presets.find(named) : presets[index]) ?? slot.image);
    });
  }

  reset() {
    this.#change((slot) => slot.setWindow(slot.image));
  }

  follow(slot) {
    if (this.#changing || !this.isLinked()) return;
    const partner = this.visible().find((other) => other !== slot && other.plan.name === slot.plan.name);
    if (!partner || !slot.shown) return;
    this.#changing = true;
    partner.followWindow(slot);
    this.#changing = false;
  }
}
