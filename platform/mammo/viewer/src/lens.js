// A magnifier that shows the image's own pixels, by the window that the view has: pixel for pixel or doubled.
import { greysOf } from "./greys.js";

const MARGIN = 2;
const SIZES = [180, 260, 360];

export class Lens {
  #canvas = document.createElement("canvas");
  #slot = null;
  #at = null;
  #greys = { key: "", table: null };

  constructor(preferences) {
    this.preferences = preferences;
    this.isOn = false;
    this.#canvas.className = "mv-lens";
    this.#canvas.setAttribute("aria-hidden", "true");
  }

  // Gives whether it is on now; `slot` is where it shows until the pointer moves.
  toggle(slot) {
    this.isOn = !this.isOn;
    if (this.isOn) this.show(slot);
    else this.hide();
    return this.isOn;
  }

  nextSize() {
    const next = SIZES[(SIZES.indexOf(this.preferences.get("lens_size")) + 1) % SIZES.length];
    this.preferences.keep("lens_size", next);
    this.draw();
  }

  nextZoom() {
    this.preferences.keep("lens_zoom", this.preferences.get("lens_zoom") === 1 ? 2 : 1);
    this.draw();
  }

  follow(slot, event) {
    if (!this.isOn) return;
    const box = slot.picture.getBoundingClientRect();
    this.show(slot, [event.clientX - box.left, event.clientY - box.top]);
  }

  // `at` in CSS pixels of the slot's picture; its middle where none is given.
  show(slot, at = null) {
    if (!this.isOn || !slot?.shown) return;
    this.#slot = slot;
    this.#at = at ?? [slot.picture.clientWidth / 2, slot.picture.clientHeight / 2];
    if (this.#canvas.parentElement !== slot.element) slot.element.append(this.#canvas);
    this.draw();
  }

  hide() {
    this.#canvas.remove();
    this.#slot = null;
  }

  draw() {
    const slot = this.#slot;
    if (!this.isOn || !slot?.shown) return;
    const size = Math.round(this.preferences.get("lens_size") * window.devicePixelRatio);
    const side = size / window.devicePixelRatio;
    Object.assign(this.#canvas, { width: size, height: size });
    Object.assign(this.#canvas.style, {
      width: `${side}px`,
      height: `${side}px`,
      left: `${Math.round(this.#at[0] - side / 2)}px`,
      top: `${Math.round(this.#at[1] - side / 2)}px`,
    });
    const context = this.#canvas.getContext("2d");
    const picture = context.createImageData(size, size);
    this.#fill(picture.data, size, slot);
    context.putImageData(picture, 0, 0);
  }

  #fill(out, size, slot) {
    const { rows, columns } = slot.image;
    const pixels = slot.viewport.csImage.getPixelData();
    const table = this.#table(slot);
    const [x0, y0] = slot.indexAt(this.#at);
    const [across, down] = slot.directions;
    const step = 1 / this.preferences.get("lens_zoom");
    const xs = new Int32Array(size);
    for (let i = 0; i < size; i += 1) xs[i] = Math.floor(x0 + across * (i - size / 2 + 0.5) * step);
    for (let j = 0; j < size; j += 1) {
      const y = Math.floor(y0 + down * (j - size / 2 + 0.5) * step);
      const isInside = y >= 0 && y < rows;
      const isEdgeRow = j < MARGIN || j >= size - MARGIN;
      for (let i = 0; i < size; i += 1) {
        const x = xs[i];
        let grey = isInside && x >= 0 && x < columns ? table[pixels[y * columns + x]] : 0;
        if (isEdgeRow || i < MARGIN || i >= size - MARGIN) grey = 90;
        const place = 4 * (j * size + i);
        out[place] = out[place + 1] = out[place + 2] = grey;
        out[place + 3] = 255;
      }
    }
  }

  #table(slot) {
    const { wc, ww } = slot.window;
    const key = `${wc} ${ww} ${slot.image.voi_fn} ${slot.inverted}`;
    if (this.#greys.key !== key) this.#greys = { key, table: greysOf({ wc, ww }, slot.image.voi_fn, slot.inverted) };
    return this.#greys.table;
  }
}
