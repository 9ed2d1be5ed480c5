// One place of the hanging: the picture, its labels, and what is said when there is no picture.
import { Enums } from "@cornerstonejs/core";
import { decoding, enableViewport, isReduced } from "./engine.js";
import { chestWall, rangeOf, windowOf } from "./hanging.js";

const { LINEAR } = Enums.InterpolationType;

function div(parent, className, role) {
  const element = document.createElement("div");
  element.className = className;
  if (role) element.setAttribute("role", role);
  parent.append(element);
  return element;
}

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

// Two frames: what was asked for is on screen then. A page in a hidden tab gets none.
export async function drawn() {
  await nextFrame();
  await nextFrame();
}

export class Slot {
  // `plan` comes from hang(); `say(key, values)` gives a text in the reader's language.
  constructor(plan, { say, stepped }) {
    Object.assign(this, { plan, say, stepped, viewport: null, imageIds: [], index: 0, shown: false });
    Object.assign(this, { inverted: false, unavailable: null, seen: new Set() });
    this.element = document.createElement("div");
    this.element.className = `mv-slot mv-side-${plan.side.toLowerCase()} mv-row-${plan.row}`;
    if (plan.earlier) this.element.classList.add("mv-earlier");
    this.element.dataset.slot = plan.earlier ? `earlier-${plan.name}` : plan.name;
    this.element.dataset.state = "loading";
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", this.title);
    this.picture = div(this.element, "mv-picture");
    this.label = div(this.element, "mv-label");
    this.label.textContent = this.title;
    this.steps = div(this.element, "mv-steps");
    this.figures = div(this.element, "mv-figures");
    this.notice = div(this.element, "mv-notice", "status");
  }

  get title() {
    const name = this.plan.images[0]?.title ?? `${this.plan.side} ${this.plan.view}`;
    return this.plan.earlier ? `${name}, ${this.plan.earlier}` : name;
  }

  get image() {
    return this.plan.images[this.index];
  }

  get hasSpacing() {
    return Boolean(this.image.spacing);
  }

  get isMissing() {
    return this.plan.images.length === 0;
  }

  setState(state, notice = "") {
    this.element.dataset.state = state;
    this.notice.textContent = notice;
  }

  sayMissing() {
    this.setState("missing", this.say("missing", { view: this.title }));
  }

  // The picture is not, or no more, on screen: `key` names what is said of it.
  sayBroken(key = "broken") {
    this.shown = false;
    this.setState("error", this.say(key, { view: this.title }));
  }

  declare(reason, said) {
    this.unavailable = reason;
    this.element.dataset.unavailable = reason;
    this.notice.textContent = this.say("declared", { view: this.title, reason: said });
  }

  takeBack() {
    this.unavailable = null;
    delete this.element.dataset.unavailable;
    if (this.shown) this.setState("shown");
    else this.sayBroken();
  }

  attach(engine, group, imageIds) {
    this.imageIds = imageIds;
    this.viewport = enableViewport(engine, group, `${engine.id}-${this.element.dataset.slot}`, this.picture);
    this.picture.addEventListener(Enums.Events.VOI_MODIFIED, () => {
      this.writeFigures();
      this.windowMoved?.();
      this.changed?.();
    });
    this.picture.addEventListener(Enums.Events.CAMERA_MODIFIED, () => {
      this.writeFigures();
      this.changed?.();
    });
  }

  // A slot outlives its viewer for as long as anything holds its element; the pixels must not.
  release() {
    this.viewport = null;
    this.imageIds = [];
    this.shown = false;
  }

  // Shows the image at `index`. A decode that fails raises nothing and leaves the slot black, so the image that
  // Cornerstone holds is compared with the one that was asked for.
  async show(index) {
    this.shown = false;
    this.setState("loading", this.say("loading"));
    const wanted = this.imageIds[index];
    let cause = null;
    try {
      if (this.viewport.getImageIds().length === 0) await this.viewport.setStack(this.imageIds, index);
      else await this.viewport.setImageIdIndex(index);
    } catch (error) {
      cause = error;
    }
    if (!this.viewport) return false;
    this.index = index;
    this.shown = cause === null && this.viewport.csImage?.imageId === wanted;
    if (!this.shown) {
      this.sayBroken();
      if (cause) console.error(cause);
      return false;
    }
    this.setWindow(this.image);
    await drawn();
    this.setState("shown");
    this.writeSteps();
    return true;
  }

  // Its picture was in front of the reader; says whether that is new.
  markSeen() {
    if (!this.shown || this.seen.has(this.image.uid)) return false;
    this.seen.add(this.image.uid);
    return true;
  }

  async step(by) {
    const index = this.index + by;
    if (this.element.dataset.state === "loading" || index < 0 || index >= this.imageIds.length) return;
    await decoding(() => this.show(index));
    this.stepped(this);
  }

  // Puts the chest wall on the edge of the slot. The slot spans `stretch` times the image's size: above 1 the
  // image is drawn smaller, which is how detectors of different sizes come to one scale. Returns the camera's
  // scale: half the slot's height in mm, divided by that height.
  place(stretch = 1) {
    const wall = chestWall(this.plan.side);
    this.viewport.setProperties({ interpolationType: LINEAR });
    this.viewport.setDisplayArea({
      type: "FIT",
      imageArea: [stretch, stretch],
      storeAsInitialCamera: true,
      imageCanvasPoint: { imagePoint: [wall, 0.5], canvasPoint: [wall, 0.5] },
    });
    return this.viewport.getCamera().parallelScale / this.picture.clientHeight;
  }

  // Pixel for pixel of the screen, whatever the browser's zoom.
  placeActualPixels() {
    this.placeAt(1);
  }

  // As large as the breast is, on a screen whose pixels were measured; `mmPerPixel` of CSS.
  placeTrueSize(mmPerPixel) {
    if (this.hasSpacing) this.placeAt((this.image.spacing[0] / mmPerPixel) * window.devicePixelRatio);
  }

  // `scale`: pixels of the screen, not of CSS, per image pixel, as Cornerstone wants it.
  placeAt(scale) {
    const wall = chestWall(this.plan.side);
    this.viewport.setDisplayArea({
      type: "SCALE",
      scale,
      imageCanvasPoint: { imagePoint: [wall, 0.5], canvasPoint: [wall, 0.5] },
    });
    this.viewport.render();
  }

  zoom(factor) {
    this.viewport.setZoom(this.viewport.getZoom() * factor);
    this.viewport.render();
  }

  pan(across, down) {
    const [x, y] = this.viewport.getPan();
    this.viewport.setPan([x + across, y + down]);
    this.viewport.render();
  }

  setWindow(window) {
    const voiRange = rangeOf(window, this.image.voi_fn);
    // Without WebGL Cornerstone knows no function and throws at the very word.
    const curve = isReduced() ? {} : { VOILUTFunction: this.image.voi_fn || "LINEAR" };
    this.viewport.setProperties({ voiRange, ...curve });
    this.viewport.render();
  }

  scaleWidth(factor) {
    const { wc, ww } = windowOf(this.viewport.getProperties().voiRange, this.image.voi_fn);
    this.setWindow({ wc, ww: Math.max(2, ww * factor) });
  }

  setInverted(inverted) {
    this.viewport.setProperties({ invert: inverted });
    this.viewport.render();
    this.inverted = inverted;
    this.element.classList.toggle("mv-inverted", inverted);
  }

  flip(direction) {
    const { flipHorizontal = false, flipVertical = false } = this.viewport.getCamera();
    this.viewport.setCamera(
      direction === "across" ? { flipHorizontal: !flipHorizontal } : { flipVertical: !flipVertical },
    );
    this.viewport.render();
  }

  unflip() {
    this.viewport.setCamera({ flipHorizontal: false, flipVertical: false });
  }

  get window() {
    return windowOf(this.viewport.getProperties().voiRange, this.image.voi_fn);
  }

  // Column and row (from the outer edge of the first pixel) under a place of the picture, in CSS pixels.
  indexAt(at) {
    const [row, column] = this.image.spacing ?? [1, 1];
    const [x, y] = this.viewport.canvasToWorld(at);
    return [x / column + 0.5, y / row + 0.5];
  }

  // Which way columns and rows run on the screen: 1, or -1 where the view is flipped.
  get directions() {
    const [x, y] = this.indexAt([0, 0]);
    const [farX, farY] = this.indexAt([100, 100]);
    return [Math.sign(farX - x) || 1, Math.sign(farY - y) || 1];
  }

  // Moves the window as far from the file's own as another view's was moved from its own.
  followWindow(other) {
    const moved = other.window;
    const wc = this.image.wc + ((moved.wc - other.image.wc) / other.image.ww) * this.image.ww;
    this.setWindow({ wc, ww: (moved.ww / other.image.ww) * this.image.ww });
  }

  writeSteps() {
    const several = this.imageIds.length > 1;
    this.steps.replaceChildren();
    if (!several) return;
    const button = (key, by) => {
      const element = document.createElement("button");
      element.type = "button";
      element.textContent = this.say(key);
      element.disabled = this.index + by < 0 || this.index + by >= this.imageIds.length;
      element.addEventListener("click", () => this.step(by));
      return element;
    };
    const count = document.createElement("span");
    count.textContent = this.say("count", { index: this.index + 1, total: this.imageIds.length });
    this.steps.append(button("newer", -1), count, button("older", 1));
  }

  writeFigures() {
    if (!this.shown) return;
    const range = this.viewport.getProperties().voiRange;
    if (!range) return;
    const { wc, ww } = windowOf(range, this.image.voi_fn);
    // Without a known spacing Cornerstone is told 1, so that this is image pixels per screen pixel.
    const scale = (2 * this.viewport.getCamera().parallelScale) / this.picture.clientHeight;
    const pixel = this.hasSpacing ? this.image.spacing[0] : 1;
    const magnification = Math.round(((100 * pixel) / scale) * window.devicePixelRatio);
    this.element.dataset.mmPerPixel = this.hasSpacing ? scale.toFixed(5) : "";
    this.element.dataset.windowCenter = wc.toFixed(1);
    this.element.dataset.windowWidth = ww.toFixed(1);
    this.figures.textContent = `${this.say("window")} ${Math.round(ww)} / ${Math.round(wc)}   ${magnification} %`;
  }
}
