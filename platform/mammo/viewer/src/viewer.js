// <mammo-viewer data-src="study JSON">: the views of one study as a reader hangs them.
//
// The element says how far it is: data-ready="1" once every image that the study holds is on screen, data-shown
// and data-missing name the views, data-failed those that could not be shown. It fires "mammo-viewer:ready" and
// "mammo-viewer:failed" (both bubble; detail {study, shown, missing, failed}).
import {
  TOOLS,
  bindPrimary,
  clearMeasurements,
  createEngine,
  createToolGroup,
  decoding,
  destroy,
  isReduced,
  registerImage,
  start,
} from "./engine.js";
import { hang } from "./hanging.js";
import { Slot } from "./slot.js";
import { buildPresets, buildToolbar, markTool, obey } from "./toolbar.js";

const ZOOM_STEP = 1.25;
const PAN_STEP = 40;
const WIDTH_STEP = 1.15;

class MammoViewer extends HTMLElement {
  #engine = null;
  #group = null;
  #slots = [];
  #active = null;
  #enlarged = null;
  #inverted = false;
  #tool = "window";
  #resizing = null;
  #bar = null;
  #grid = null;
  #study = null;
  #generation = 0;

  connectedCallback() {
    this.addEventListener("keydown", this.#onKey);
    this.load();
  }

  disconnectedCallback() {
    this.removeEventListener("keydown", this.#onKey);
    this.#tearDown();
  }

  // Loads the study again from the start; also what the "try again" button does.
  async load() {
    this.#tearDown();
    const generation = ++this.#generation;
    const isStale = () => generation !== this.#generation || !this.isConnected;
    for (const name of ["ready", "shown", "missing", "failed"]) delete this.dataset[name];
    this.replaceChildren();
    this.#notice("mv-progress", this.#say("loading"));
    try {
      const [study] = await Promise.all([this.#fetchStudy(), start()]);
      if (isStale()) return;
      this.#study = study;
      this.#build(study);
      await this.#showAll();
      if (isStale()) return;
      this.#resize();
      this.#watchSize();
      this.#report();
    } catch (error) {
      if (isStale()) return;
      console.error(error);
      this.#failWhole(error);
    }
  }

  #say = (key, values = {}) => {
    const text = this.dataset[`text${key[0].toUpperCase()}${key.slice(1)}`] ?? key;
    return Object.entries(values).reduce((said, [name, value]) => said.replaceAll(`{${name}}`, value), text);
  };

  async #fetchStudy() {
    const answer = await fetch(this.dataset.src, {
      credentials: "same-origin",
      headers: { Accept: "application/json" },
    });
    const type = answer.headers.get("Content-Type") ?? "";
    if (!answer.ok || !type.includes("json")) throw new Error(`study description: HTTP ${answer.status}`);
    return answer.json();
  }

  #build({ images, expected }) {
    const plans = hang(images, expected);
    this.replaceChildren();
    this.#bar = buildToolbar(this, this.#say);
    const presets = buildPresets(images, this.#say, (index) => this.choosePreset(index));
    if (presets) this.#bar.append(presets);
    this.append(this.#bar);
    if (isReduced()) this.#notice("mv-banner", this.#say("reduced"));
    this.#grid = document.createElement("div");
    this.#grid.className = "mv-grid";
    this.append(this.#grid);
    this.#notice("mv-disclaimer", this.#say("disclaimer"));
    this.#engine = createEngine();
    this.#group = createToolGroup(this.#measured);
    this.#slots = plans.map((plan) => new Slot(plan, { say: this.#say, stepped: () => this.#afterStep() }));
    // All places stand before the first canvas measures its own.
    this.#grid.append(...this.#slots.map((slot) => slot.element));
    this.#slots.forEach((slot) => this.#fill(slot));
    bindPrimary(this.#group, TOOLS[this.#tool]);
    markTool(this.#bar, this.#tool);
    this.#activate(this.#slots.find((slot) => !slot.isMissing) ?? null);
  }

  #fill(slot) {
    if (slot.isMissing) {
      slot.sayMissing();
      return;
    }
    slot.attach(this.#engine, this.#group, slot.plan.images.map(registerImage));
    slot.element.addEventListener("focus", () => this.#activate(slot));
    slot.element.addEventListener("dblclick", () => this.toggleEnlarged(slot));
    slot.picture.addEventListener("click", (event) => this.#pointed(slot, event), true);
    slot.element.addEventListener("contextmenu", (event) => event.preventDefault());
    // Cornerstone swallows the press that would have moved the focus, and with it the keys.
    slot.picture.addEventListener("pointerdown", () => slot.element.focus({ preventScroll: true }), true);
  }

  // Tells pages where in the picture a click was: the view, and shares of the image's width and height.
  #pointed(slot, event) {
    const data = slot.viewport?.getImageData();
    if (!data) return;
    const box = slot.picture.getBoundingClientRect();
    const world = slot.viewport.canvasToWorld([event.clientX - box.left, event.clientY - box.top]);
    const [across, down] = data.imageData.worldToIndex(world).map((at, axis) => at / (data.dimensions[axis] - 1 || 1));
    if ([across, down].some((share) => !(share >= 0 && share <= 1))) return;
    const detail = { view: slot.plan.name, across, down };
    this.dispatchEvent(new CustomEvent("mammo-viewer:point", { bubbles: true, detail }));
  }

  #measured = (image, length, unit) => {
    const estimated = image?.spacing_estimated ? ` ${this.#say("estimated")}` : "";
    return [`${length.toFixed(1)} ${unit}${estimated}`];
  };

  async #showAll() {
    await decoding(() => Promise.all(this.#filled.map((slot) => slot.show(0))));
  }

  get #filled() {
    return this.#slots.filter((slot) => slot.viewport);
  }

  get #visible() {
    return this.#filled.filter((slot) => slot.shown);
  }

  #afterStep() {
    this.hangAll();
    if (this.#inverted) this.#visible.forEach((slot) => slot.setInverted(true));
    this.#report();
  }

  #report() {
    const names = (slots) => slots.map((slot) => slot.plan.name);
    const shown = names(this.#visible);
    const missing = names(this.#slots.filter((slot) => slot.isMissing && slot.plan.expected));
    const failed = names(this.#filled.filter((slot) => !slot.shown));
    Object.assign(this.dataset, { shown: shown.join(" "), missing: missing.join(" "), failed: failed.join(" ") });
    const ready = failed.length === 0 && shown.length > 0;
    if (ready) this.dataset.ready = "1";
    else delete this.dataset.ready;
    const detail = { study: this.#study.study, shown, missing, failed };
    const name = ready ? "mammo-viewer:ready" : "mammo-viewer:failed";
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
    this.#offerRetry(failed.length > 0);
  }

  #offerRetry(wanted) {
    this.querySelector(".mv-retry")?.remove();
    if (!wanted) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "mv-retry";
    button.textContent = this.#say("retry");
    button.addEventListener("click", () => this.load());
    (this.#bar ?? this).append(button);
  }

  #failWhole() {
    this.#tearDown();
    this.replaceChildren();
    this.#notice("mv-banner", this.#say("unavailable"));
    this.#offerRetry(true);
    const detail = { study: this.#study?.study ?? null, shown: [], missing: [], failed: ["*"] };
    this.dataset.failed = "*";
    this.dispatchEvent(new CustomEvent("mammo-viewer:failed", { bubbles: true, detail }));
  }

  #notice(className, text) {
    const element = document.createElement("p");
    element.className = className;
    element.setAttribute("role", "status");
    element.textContent = text;
    this.append(element);
  }

  // One physical scale for all views: the largest sets it, and a smaller detector's image is drawn smaller, its
  // chest wall back on the edge. Images without a known pixel spacing share a scale of their own.
  hangAll() {
    const slots = this.#visible;
    slots.forEach((slot) => slot.viewport.resetCamera());
    if (isReduced()) {
      slots.forEach((slot) => slot.viewport.render());
      return;
    }
    const others = slots.filter((slot) => slot !== this.#enlarged);
    this.#hangTogether(others.filter((slot) => slot.hasSpacing));
    this.#hangTogether(others.filter((slot) => !slot.hasSpacing));
    this.#hangTogether(slots.filter((slot) => slot === this.#enlarged));
  }

  #hangTogether(slots) {
    const scales = slots.map((slot) => slot.place());
    const largest = Math.max(...scales);
    slots.forEach((slot, index) => {
      if (scales[index] !== largest) slot.place(largest / scales[index]);
      slot.viewport.render();
      slot.writeFigures();
    });
  }

  #watchSize() {
    this.#resizing?.disconnect();
    let first = true;
    let timer = 0;
    this.#resizing = new ResizeObserver(() => {
      if (first) {
        first = false;
        return;
      }
      clearTimeout(timer);
      timer = setTimeout(() => this.#resize(), 80);
    });
    this.#resizing.observe(this.#grid);
  }

  #resize() {
    if (!this.#engine) return;
    this.#engine.resize(true, true);
    this.hangAll();
  }

  #activate(slot) {
    this.#active = slot;
    for (const other of this.#slots) other.element.classList.toggle("mv-active", other === slot);
  }

  #onKey = (event) => {
    if (this.#engine && obey(this, event)) event.preventDefault();
  };

  setTool(tool) {
    this.#tool = tool;
    bindPrimary(this.#group, TOOLS[tool]);
    markTool(this.#bar, tool);
  }

  toggleInvert() {
    this.#inverted = !this.#inverted;
    this.#visible.forEach((slot) => slot.setInverted(this.#inverted));
    this.#bar.querySelector('[data-toggles="invert"]').setAttribute("aria-pressed", String(this.#inverted));
  }

  toggleEnlarged(slot = this.#active) {
    if (!slot) return;
    this.#enlarged = this.#enlarged === slot ? null : slot;
    for (const other of this.#slots) other.element.classList.toggle("mv-enlarged", other === this.#enlarged);
    this.#resize();
  }

  reset() {
    if (this.#inverted) this.toggleInvert();
    this.#visible.forEach((slot) => slot.setWindow(slot.image));
    const presets = this.#bar.querySelector(".mv-presets");
    if (presets) presets.value = "0";
    this.hangAll();
  }

  choosePreset(index) {
    this.#visible.forEach((slot) => slot.setWindow(slot.image.presets[index] ?? slot.image));
  }

  clearMeasurements() {
    clearMeasurements(this.#slots.flatMap((slot) => slot.plan.images));
    this.#visible.forEach((slot) => slot.viewport.render());
  }

  showActualPixels() {
    if (!isReduced()) this.#visible.forEach((slot) => slot.placeActualPixels());
  }

  zoomIn = () => this.#visible.forEach((slot) => slot.zoom(ZOOM_STEP));
  zoomOut = () => this.#visible.forEach((slot) => slot.zoom(1 / ZOOM_STEP));
  narrowWindow = () => this.#visible.forEach((slot) => slot.scaleWidth(1 / WIDTH_STEP));
  widenWindow = () => this.#visible.forEach((slot) => slot.scaleWidth(WIDTH_STEP));
  panLeft = () => this.#pan(-PAN_STEP, 0);
  panRight = () => this.#pan(PAN_STEP, 0);
  panUp = () => this.#pan(0, -PAN_STEP);
  panDown = () => this.#pan(0, PAN_STEP);
  stepNewer = () => this.#active?.step(-1);
  stepOlder = () => this.#active?.step(1);

  #pan(across, down) {
    if (this.#active?.shown) this.#active.pan(across, down);
  }

  // References are dropped as well as destroyed: kept ones hold some 200 MB per viewer that left the page.
  #tearDown() {
    this.#resizing?.disconnect();
    if (this.#engine) {
      clearMeasurements(this.#slots.flatMap((slot) => slot.plan.images));
      destroy(this.#engine, this.#group, this.#slots.flatMap((slot) => slot.imageIds));
      this.#slots.forEach((slot) => slot.release());
    }
    this.#engine = this.#group = this.#active = this.#enlarged = this.#bar = this.#grid = this.#resizing = null;
    this.#slots = [];
    this.#inverted = false;
  }
}

customElements.define("mammo-viewer", MammoViewer);
