// <mammo-viewer data-src="study JSON">: the views of one study as a reader hangs them.
//
// The element says how far it is: data-ready="1" once every image that the study holds is on screen, data-shown
// and data-missing name the views, data-failed those that could not be shown. It fires "mammo-viewer:ready" and
// "mammo-viewer:failed" (both bubble; detail {study, shown, missing, failed, refusal}).
//
// data-keys="page": its keys work wherever nothing else on the page has the focus. data-at="actual": it opens pixel for
// pixel.
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
  watchLoss,
} from "./engine.js";
import { hang } from "./hanging.js";
import { Lens } from "./lens.js";
import { Report } from "./report.js";
import { hangAtOneScale } from "./scale.js";
import { Preferences } from "./server.js";
import { drawn, Slot } from "./slot.js";
import { canBegin, isInStep, nameOfStep, stepsOf } from "./steps.js";
import { buildPresets, buildToolbar, markToggle, markTool, obey } from "./toolbar.js";
import { Windows } from "./windows.js";

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
  #preferences = null;
  #lens = null;
  #steps = [];
  #step = 0;
  #earlier = [];
  #report = null;
  #windows = null;
  #unwatch = null;

  connectedCallback() {
    this.addEventListener("keydown", this.#onKey);
    document.addEventListener("keydown", this.#onPageKey);
    this.load();
  }

  disconnectedCallback() {
    this.removeEventListener("keydown", this.#onKey);
    document.removeEventListener("keydown", this.#onPageKey);
    this.#tearDown();
  }

  // Loads the study again from the start; also what the "try again" button does.
  async load() {
    this.#tearDown();
    const generation = ++this.#generation;
    const isStale = () => generation !== this.#generation || !this.isConnected;
    for (const name of ["ready", "shown", "missing", "failed", "refusal", "step"]) delete this.dataset[name];
    this.replaceChildren();
    this.#report = new Report(this, { say: this.#say, slots: () => this.#slots });
    this.#report.notice("mv-progress", this.#say("loading"));
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
      this.#markSeen(this.#firstStep);
      await this.#report.send(study.study);
      if (!isStale()) await this.#goTo(this.#steps.indexOf(this.#firstStep));
    } catch (error) {
      if (isStale()) return;
      console.error(error);
      this.#tearDown();
      this.#report.sayNothing(this.#study?.study ?? null);
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
    this.#bar = buildToolbar(this, this.#say, { hasEarlier: Boolean(this.#study.earlier) });
    const presets = buildPresets(images, this.#say, () => this.choosePreset());
    if (presets) this.#bar.append(presets);
    this.append(this.#bar);
    if (isReduced()) this.#report.notice("mv-banner", this.#say("reduced"));
    this.#grid = document.createElement("div");
    this.#grid.className = "mv-grid";
    this.#grid.dataset.sides = String(new Set(plans.map((plan) => plan.side)).size);
    this.append(this.#grid);
    this.#report.notice("mv-disclaimer", this.#say("disclaimer"));
    this.#report.notice("mv-step", "");
    this.#engine = createEngine();
    this.#group = createToolGroup(this.#measured);
    this.#slots = plans.map((plan) => this.#slotOf(plan));
    // All places stand before the first canvas measures its own.
    this.#grid.append(...this.#slots.map((slot) => slot.element));
    this.#slots.forEach((slot) => this.#fill(slot));
    this.#unwatch = watchLoss(this.#engine, this.#lost);
    this.#steps = stepsOf(this.#slots, Boolean(this.#study.earlier));
    this.#step = 0;
    this.#takeChoices();
    this.#activate(this.#slots.find((slot) => !slot.isMissing) ?? null);
  }

  #slotOf(plan) {
    return new Slot(plan, { say: this.#say, stepped: () => this.#afterStep() });
  }

  // How this reader likes it.
  #takeChoices() {
    const linked = () => this.#preferences.get("linked") && this.dataset.step === "prior";
    this.#windows = new Windows({ visible: () => this.#visible, isLinked: linked });
    this.#lens = new Lens(this.#preferences);
    this.#tool = this.#preferences.get("tool");
    bindPrimary(this.#group, TOOLS[this.#tool]);
    markTool(this.#bar, this.#tool);
    markToggle(this.#bar, "linked", this.#preferences.get("linked"));
  }

  // The pictures turned black behind our back: none of them counts as shown.
  #lost = () => {
    for (const slot of this.#all.filter((one) => one.viewport)) {
      slot.seen.clear();
      slot.sayBroken("lost");
    }
    this.#lens.hide();
    this.#report.send(this.#study.study);
  };

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
    slot.picture.addEventListener("pointermove", (event) => this.#lens?.follow(slot, event), true);
    slot.windowMoved = () => this.#windows?.follow(slot);
    slot.changed = () => this.#lens?.draw();
    // Cornerstone swallows the press that would have moved the focus, and with it the keys.
    slot.picture.addEventListener("pointerdown", () => slot.element.focus({ preventScroll: true }), true);
  }

  // Tells pages where in the picture a click was: the view, and shares of the image's width and height.
  #pointed(slot, event) {
    const data = slot.viewport?.getImageData();
    // What is marked belongs to the present study: a click on the earlier one places nothing.
    if (!data || slot.plan.earlier) return;
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
    const step = this.#steps[this.#step] ?? { name: "four", slots: null };
    return this.#all.filter((slot) => slot.shown && isInStep(step, slot.plan));
  }

  // What is drawn behind other views was not in front of the reader and does not count; says whether any is new.
  #markSeen(step) {
    const inFront = this.#filled.filter((slot) => isInStep(step, slot.plan));
    return inFront.map((slot) => slot.markSeen()).includes(true);
  }

  #afterStep() {
    this.#markSeen(this.#steps[this.#step]);
    this.hangAll();
    if (this.#inverted) this.#visible.forEach((slot) => slot.setInverted(true));
    this.#report.send(this.#study.study);
  }

  declareUnavailable(slot = this.#active) {
    this.#report.declare(slot, () => this.#report.send(this.#study.study));
  }

  hangAll() {
    hangAtOneScale(this.#visible, this.#enlarged);
    if (isReduced()) return;
    if (this.#steps[this.#step]?.name === "single" || this.dataset.at === "actual") this.showActualPixels();
    this.#lens?.draw();
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

  // Where nothing has the focus, nobody else is meant.
  #onPageKey = (event) => {
    const isFree = event.target === document.body && !event.defaultPrevented && !document.querySelector("dialog[open]");
    if (this.dataset.keys === "page" && isFree) this.#onKey(event);
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

  toggleLens = () => markToggle(this.#bar, "lens", this.#lens.toggle(this.#active));
  changeLensSize = () => this.#lens.nextSize();
  changeLensZoom = () => this.#lens.nextZoom();

  toggleLinked() {
    const linked = !this.#preferences.get("linked");
    this.#preferences.keep("linked", linked);
    markToggle(this.#bar, "linked", linked);
  }

  nextStep = () => this.#goTo(this.#step + 1);
  previousStep = () => this.#goTo(this.#step - 1);

  // Studies are opened at the step that is shown from now on; once more, and they are opened with all views again.
  beginAtThisStep() {
    const step = this.#steps[this.#step];
    if (!step || !canBegin(step)) return;
    const isChosen = this.#preferences.get("first_step") === step.name;
    this.#preferences.keep("first_step", isChosen ? "four" : step.name);
    this.#markBegin();
  }

  #markBegin() {
    const step = this.#steps[this.#step];
    markToggle(this.#bar, "begin", this.#preferences.get("first_step") === step.name);
    this.#bar.querySelector("[data-command=begin]").setAttribute("aria-disabled", String(!canBegin(step)));
  }

  get #firstStep() {
    return this.#steps.find((step) => step.name === this.#preferences.get("first_step")) ?? this.#steps[0];
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
      const isFront = isInStep(step, slot.plan);
      slot.element.classList.remove("mv-enlarged");
      slot.element.classList.toggle("mv-front", isFront && step.slots !== null);
      slot.element.inert = !isFront;
    }
    this.#sayStep();
    const hadFocus = this.contains(document.activeElement) || document.activeElement === document.body;
    this.#lens.hide();
    this.#resize();
    const first = this.#visible.includes(this.#active) ? this.#active : (this.#visible[0] ?? this.#active);
    this.#activate(first);
    if (hadFocus && index !== 0) first?.element.focus({ preventScroll: true });
    await drawn();
    if (this.#steps[this.#step] === step && this.#markSeen(step)) this.#report.send(this.#study.study);
  }

  #sayStep() {
    const titleOf = (view) => this.#slots.find((slot) => slot.plan.name === view).title;
    const at = { index: this.#step + 1, total: this.#steps.length };
    const name = nameOfStep(this.#steps[this.#step], this.#say, titleOf);
    this.querySelector(".mv-step").textContent = this.#say("step", { ...at, name });
    this.#markBegin();
    const next = this.#bar.querySelector("[data-command=next]");
    next.textContent = `${at.index}/${at.total} ▸`;
    next.setAttribute("aria-label", `${next.textContent} ${this.#say("next")}`);
  }

  // Fetched and decoded when it is first asked for.
  async #showEarlier() {
    if (this.#earlier.length > 0 || !this.#study.earlier) return;
    const { images, months } = this.#study.earlier;
    const said = months === null ? this.#say("earlier") : this.#say("earlierBy", { months });
    this.#earlier = hang(images, [], said).map((plan) => this.#slotOf(plan));
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
      this.#report.sayRefusal(this.#say("unmeasured"));
      return;
    }
    if (!isReduced()) this.#visible.forEach((slot) => slot.placeTrueSize(mmPerPixel));
  }

  nextPreset() {
    const presets = this.#bar.querySelector(".mv-presets");
    if (!presets) return;
    presets.value = String((Number(presets.value) + 1) % presets.options.length);
    this.choosePreset();
  }

  toggleEnlarged(slot = this.#active) {
    if (!slot) return;
    this.#enlarged = this.#enlarged === slot ? null : slot;
    for (const other of this.#all) other.element.classList.toggle("mv-enlarged", other === this.#enlarged);
    this.#resize();
  }

  reset() {
    if (this.#inverted) this.toggleInvert();
    this.#windows.reset();
    const presets = this.#bar.querySelector(".mv-presets");
    if (presets) presets.value = "0";
    this.hangAll();
  }

  choosePreset() {
    const { index, label } = this.#bar.querySelector(".mv-presets").selectedOptions[0].dataset;
    this.#windows.choose(Number(index), label);
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
  narrowWindow = () => this.#windows.scale(1 / WIDTH_STEP);
  widenWindow = () => this.#windows.scale(WIDTH_STEP);
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
    this.#report?.drop();
    this.#resizing?.disconnect();
    this.#unwatch?.();
    if (this.#engine) {
      clearMeasurements(this.#all.flatMap((slot) => slot.plan.images));
      destroy(this.#engine, this.#group, this.#all.flatMap((slot) => slot.imageIds));
      this.#all.forEach((slot) => slot.release());
      this.#lens?.hide();
    }
    this.#engine = this.#group = this.#active = this.#enlarged = this.#bar = this.#grid = this.#resizing = null;
    this.#unwatch = this.#windows = null;
    this.#slots = [];
    this.#earlier = [];
    this.#lens = null;
    this.#inverted = false;
  }
}

customElements.define("mammo-viewer", MammoViewer);
