// <mammo-viewer data-src="study JSON">: the views of one study as a reader hangs them.
//
// The element says how far it is: data-ready="1" once every image that the study holds is on screen, data-shown
// and data-missing name the views, data-failed those that could not be shown. It fires "mammo-viewer:ready" and
// "mammo-viewer:failed" (both bubble; detail {study, shown, missing, failed, refusal}).
//
// With data-report it tells the server what is on screen, and is ready only once the server says that nothing
// lacks for a judgement; what lacks stands in data-refusal. data-preferences: where the reader's choices are kept.
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
import { Lens } from "./lens.js";
import { Preferences, reportViews } from "./server.js";
import { Slot } from "./slot.js";
import { stepsOf } from "./steps.js";
import { buildPresets, buildToolbar, markToggle, markTool, obey } from "./toolbar.js";
import { declareForm } from "./unavailable.js";

const ZOOM_STEP = 1.25;
const PAN_STEP = 40;
const WIDTH_STEP = 1.15;
const LENS_SIZES = [180, 260, 360];

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
  #preferences = null;
  #lens = null;
  #steps = [];
  #step = 0;
  #earlier = [];
  #following = false;

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
    for (const name of ["ready", "shown", "missing", "failed", "refusal", "step"]) delete this.dataset[name];
    this.replaceChildren();
    this.#notice("mv-progress", this.#say("loading"));
    try {
      this.#preferences = new Preferences(this.dataset.preferences);
      const [study] = await Promise.all([this.#fetchStudy(), start(), this.#preferences.load()]);
      if (isStale()) return;
      this.#study = study;
      this.#build(study);
      await this.#showAll();
      if (isStale()) return;
      this.#resize();
      this.#watchSize();
      await this.#report();
      if (!isStale()) await this.#openFirstStep();
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
    this.#steps = stepsOf(this.#slots, Boolean(this.#study.earlier));
    this.#step = 0;
    this.#lens = new Lens(this.#preferences);
    this.#tool = this.#preferences.get("tool");
    bindPrimary(this.#group, TOOLS[this.#tool]);
    markTool(this.#bar, this.#tool);
    markToggle(this.#bar, "linked", this.#preferences.get("linked"));
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
    slot.picture.addEventListener("pointermove", (event) => this.#moveLens(slot, event), true);
    slot.windowMoved = () => this.#followWindow(slot);
    slot.changed = () => this.#lens?.draw();
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

  get #all() {
    return [...this.#slots, ...this.#earlier];
  }

  get #filled() {
    return this.#slots.filter((slot) => slot.viewport);
  }

  // What is on screen in this step of the hanging.
  get #visible() {
    const { name, slots } = this.#steps[this.#step] ?? { name: "four", slots: null };
    const places = name === "prior" ? this.#all : this.#slots;
    return places.filter((slot) => slot.shown && (slots === null || slots.includes(slot.plan.name)));
  }

  #afterStep() {
    this.hangAll();
    if (this.#inverted) this.#visible.forEach((slot) => slot.setInverted(true));
    this.#report();
  }

  async #report() {
    const names = (slots) => slots.map((slot) => slot.plan.name);
    const shown = names(this.#filled.filter((slot) => slot.shown));
    const missing = names(this.#slots.filter((slot) => slot.isMissing && slot.plan.expected));
    const failed = names(this.#filled.filter((slot) => !slot.shown && !slot.unavailable));
    Object.assign(this.dataset, { shown: shown.join(" "), missing: missing.join(" "), failed: failed.join(" ") });
    const refusal = await this.#askServer();
    const ready = failed.length === 0 && refusal === "";
    if (ready) this.dataset.ready = "1";
    else delete this.dataset.ready;
    this.dataset.refusal = refusal;
    this.#sayRefusal(refusal);
    const detail = { study: this.#study.study, shown, missing, failed, refusal };
    const name = ready ? "mammo-viewer:ready" : "mammo-viewer:failed";
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
    this.#offerRetry(failed.length > 0 || refusal !== "");
  }

  async #askServer() {
    if (!this.dataset.report) return "";
    const declared = this.#slots.filter((slot) => slot.unavailable);
    try {
      return await reportViews(this.dataset.report, {
        shown: this.#filled.flatMap((slot) => [...slot.seen]),
        unavailable: Object.fromEntries(declared.map((slot) => [slot.plan.name, slot.unavailable])),
        webgl: !isReduced(),
      });
    } catch (error) {
      console.error(error);
      return this.#say("unrecorded");
    }
  }

  #sayRefusal(refusal) {
    this.querySelector(".mv-refusal")?.remove();
    if (!refusal) return;
    const banner = document.createElement("p");
    banner.className = "mv-banner mv-refusal";
    banner.setAttribute("role", "alert");
    banner.textContent = `${refusal} `;
    if (this.dataset.display) {
      const link = document.createElement("a");
      link.href = `${this.dataset.display}?next=${encodeURIComponent(window.location.pathname)}`;
      link.textContent = this.#say("display");
      banner.append(link);
    }
    this.#grid.before(banner);
    if (!isReduced()) this.#resize();
  }

  #declare = (slot, reason) => {
    slot.unavailable = reason;
    slot.element.dataset.unavailable = reason;
    slot.notice.textContent = this.#say("declared", { view: slot.title, reason: this.#say(reason) });
    this.#report();
  };

  declareUnavailable() {
    if (this.dataset.report && this.#active) declareForm(this.#active, this.#say, this.#declare);
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
    for (const slot of this.dataset.report ? this.#filled.filter((one) => !one.shown && !one.unavailable) : []) {
      const declare = document.createElement("button");
      declare.type = "button";
      declare.className = "mv-declare-open";
      declare.textContent = this.#say("declareOpen");
      declare.addEventListener("click", () => declareForm(slot, this.#say, this.#declare));
      slot.notice.append(" ", declare);
    }
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
    slots.forEach((slot) => slot.unflip());
    const others = slots.filter((slot) => slot !== this.#enlarged);
    this.#hangTogether(others.filter((slot) => slot.hasSpacing));
    this.#hangTogether(others.filter((slot) => !slot.hasSpacing));
    this.#hangTogether(slots.filter((slot) => slot === this.#enlarged));
    if (this.#steps[this.#step]?.name === "single") this.showActualPixels();
    this.#lens?.draw();
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
    for (const other of this.#all) other.element.classList.toggle("mv-active", other === slot);
    if (this.#lens?.isOn && slot) this.#lens.show(slot);
  }

  #onKey = (event) => {
    if (this.#engine && obey(this, event)) event.preventDefault();
  };

  setTool(tool) {
    this.#tool = tool;
    bindPrimary(this.#group, TOOLS[tool]);
    markTool(this.#bar, tool);
    this.#preferences.keep("tool", tool);
  }

  toggleInvert() {
    this.#inverted = !this.#inverted;
    this.#all.filter((slot) => slot.shown).forEach((slot) => slot.setInverted(this.#inverted));
    markToggle(this.#bar, "invert", this.#inverted);
    this.#lens.draw();
  }

  toggleLens() {
    this.#lens.isOn = !this.#lens.isOn;
    markToggle(this.#bar, "lens", this.#lens.isOn);
    if (this.#lens.isOn) this.#lens.show(this.#active);
    else this.#lens.hide();
  }

  changeLensSize() {
    const next = LENS_SIZES[(LENS_SIZES.indexOf(this.#preferences.get("lens_size")) + 1) % LENS_SIZES.length];
    this.#preferences.keep("lens_size", next);
    this.#lens.draw();
  }

  changeLensZoom() {
    this.#preferences.keep("lens_zoom", this.#preferences.get("lens_zoom") === 1 ? 2 : 1);
    this.#lens.draw();
  }

  #moveLens(slot, event) {
    if (!this.#lens?.isOn) return;
    const box = slot.picture.getBoundingClientRect();
    this.#lens.show(slot, [event.clientX - box.left, event.clientY - box.top]);
  }

  toggleLinked() {
    const linked = !this.#preferences.get("linked");
    this.#preferences.keep("linked", linked);
    markToggle(this.#bar, "linked", linked);
  }

  // Beside an earlier study, the same view of the other one takes part in every change of the window.
  #followWindow(slot) {
    if (this.#following || !this.#preferences.get("linked") || this.dataset.step !== "prior") return;
    const partner = this.#visible.find((other) => other !== slot && other.plan.name === slot.plan.name);
    if (!partner || !slot.shown) return;
    this.#following = true;
    partner.followWindow(slot);
    this.#following = false;
  }

  // What changes every view's window must not come back through the linked one.
  #changeWindows(change) {
    this.#following = true;
    this.#visible.forEach(change);
    this.#following = false;
  }

  nextStep = () => this.#goTo(this.#step + 1);
  previousStep = () => this.#goTo(this.#step - 1);

  async #openFirstStep() {
    const wanted = this.#steps.findIndex((step) => step.name === this.#preferences.get("first_step"));
    await this.#goTo(Math.max(wanted, 0));
  }

  // The step's views come to the front; the others stay behind them, out of reach of the keys.
  async #goTo(index) {
    const count = this.#steps.length;
    if (count === 0) return;
    const step = this.#steps[(index + count) % count];
    if (step.name === "prior") await this.#showEarlier();
    if (!this.#grid) return;
    this.#step = this.#steps.indexOf(step);
    this.dataset.step = step.name;
    this.#grid.dataset.step = step.name;
    this.#grid.dataset.views = String(step.slots?.length ?? 0);
    this.#enlarged = null;
    for (const slot of this.#all) {
      const isFront = step.slots === null ? step.name === "prior" || !slot.plan.earlier : step.slots.includes(slot.plan.name) && !slot.plan.earlier;
      slot.element.classList.remove("mv-enlarged");
      slot.element.classList.toggle("mv-front", isFront && step.slots !== null);
      slot.element.inert = !isFront;
    }
    const hadFocus = this.contains(document.activeElement) || document.activeElement === document.body;
    this.#lens.hide();
    this.#resize();
    const first = this.#visible.includes(this.#active) ? this.#active : (this.#visible[0] ?? this.#active);
    this.#activate(first);
    if (hadFocus && index !== 0) first?.element.focus({ preventScroll: true });
  }

  // Fetched and decoded when it is first asked for.
  async #showEarlier() {
    if (this.#earlier.length > 0 || !this.#study.earlier) return;
    const { images, months } = this.#study.earlier;
    const said = months === null ? this.#say("earlier") : this.#say("earlierBy", { months });
    this.#earlier = hang(images, [], said).map(
      (plan) => new Slot(plan, { say: this.#say, stepped: () => this.#afterStep() }),
    );
    this.#grid.append(...this.#earlier.map((slot) => slot.element));
    this.#grid.dataset.step = "prior";
    this.#earlier.forEach((slot) => this.#fill(slot));
    await decoding(() => Promise.all(this.#earlier.map((slot) => slot.show(0))));
    if (this.#inverted) this.#earlier.filter((slot) => slot.shown).forEach((slot) => slot.setInverted(true));
  }

  flipAcross = () => this.#flip("across");
  flipDown = () => this.#flip("down");

  #flip(direction) {
    if (!this.#active?.shown || isReduced()) return;
    this.#active.flip(direction);
    this.#lens.draw();
  }

  showTrueSize() {
    const mmPerPixel = this.#preferences.mmPerPixel;
    if (mmPerPixel === null) {
      this.#sayRefusal(this.#say("unmeasured"));
      return;
    }
    if (!isReduced()) this.#visible.forEach((slot) => slot.placeTrueSize(mmPerPixel));
  }

  nextPreset() {
    const presets = this.#bar.querySelector(".mv-presets");
    if (!presets) return;
    presets.value = String((Number(presets.value) + 1) % presets.options.length);
    this.choosePreset(Number(presets.value));
  }

  toggleEnlarged(slot = this.#active) {
    if (!slot) return;
    this.#enlarged = this.#enlarged === slot ? null : slot;
    for (const other of this.#all) other.element.classList.toggle("mv-enlarged", other === this.#enlarged);
    this.#resize();
  }

  reset() {
    if (this.#inverted) this.toggleInvert();
    this.#changeWindows((slot) => slot.setWindow(slot.image));
    const presets = this.#bar.querySelector(".mv-presets");
    if (presets) presets.value = "0";
    this.hangAll();
  }

  choosePreset(index) {
    this.#changeWindows((slot) => slot.setWindow(slot.image.presets[index] ?? slot.image));
  }

  clearMeasurements() {
    clearMeasurements(this.#all.flatMap((slot) => slot.plan.images));
    this.#visible.forEach((slot) => slot.viewport.render());
  }

  showActualPixels() {
    if (!isReduced()) this.#visible.forEach((slot) => slot.placeActualPixels());
  }

  zoomIn = () => this.#visible.forEach((slot) => slot.zoom(ZOOM_STEP));
  zoomOut = () => this.#visible.forEach((slot) => slot.zoom(1 / ZOOM_STEP));
  narrowWindow = () => this.#changeWindows((slot) => slot.scaleWidth(1 / WIDTH_STEP));
  widenWindow = () => this.#changeWindows((slot) => slot.scaleWidth(WIDTH_STEP));
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
      clearMeasurements(this.#all.flatMap((slot) => slot.plan.images));
      destroy(this.#engine, this.#group, this.#all.flatMap((slot) => slot.imageIds));
      this.#all.forEach((slot) => slot.release());
      this.#lens?.hide();
    }
    this.#engine = this.#group = this.#active = this.#enlarged = this.#bar = this.#grid = this.#resizing = null;
    this.#slots = [];
    this.#earlier = [];
    this.#lens = null;
    this.#inverted = false;
  }
}

customElements.define("mammo-viewer", MammoViewer);
