// What the viewer says of itself: to the server which views are on screen, to the page whether it is ready, and to
// the reader what lacks and what can be done about it.
import { isReduced } from "./engine.js";
import { reportViews } from "./server.js";
import { declareForm } from "./unavailable.js";
import { wayToDisplay } from "./way_to_display.js";

export class Report {
  #turn = 0;

  // `viewer` is the element, `slots()` gives the places of the present study.
  constructor(viewer, { say, slots }) {
    Object.assign(this, { viewer, say, slots });
  }

  get #filled() {
    return this.slots().filter((slot) => slot.viewport);
  }

  async send(study) {
    const { viewer } = this;
    const names = (slots) => slots.map((slot) => slot.plan.name);
    const shown = names(this.#filled.filter((slot) => slot.shown));
    const missing = names(this.slots().filter((slot) => slot.isMissing && slot.plan.expected));
    const failed = names(this.#filled.filter((slot) => !slot.shown && !slot.unavailable));
    Object.assign(viewer.dataset, { shown: shown.join(" "), missing: missing.join(" "), failed: failed.join(" ") });
    this.#turn += 1;
    const turn = this.#turn;
    const { refusal, isDisplay } = await this.#askServer();
    if (turn !== this.#turn) return; // a later report is under way, and this answer is no longer true
    const ready = failed.length === 0 && refusal === "";
    if (ready) viewer.dataset.ready = "1";
    else delete viewer.dataset.ready;
    viewer.dataset.refusal = refusal;
    viewer.toggleAttribute("data-refuses-display", isDisplay);
    this.sayRefusal(refusal);
    this.#tellPage(ready, { study, shown, missing, failed, refusal });
    // A screen that is not described, or a view not shown yet, is not mended by loading again.
    this.#offerRetry(failed.length > 0 || refusal === this.say("unrecorded"));
    this.#offerDeclaring();
  }

  // The study is closed or loaded anew: an answer still under way says nothing of what is on screen then.
  drop() {
    this.#turn += 1;
  }

  async #askServer() {
    const address = this.viewer.dataset.report;
    if (!address) return { refusal: "", isDisplay: false };
    const declared = this.slots().filter((slot) => slot.unavailable);
    try {
      return await reportViews(address, {
        shown: this.#filled.flatMap((slot) => [...slot.seen]),
        unavailable: Object.fromEntries(declared.map((slot) => [slot.plan.name, slot.unavailable])),
        webgl: !isReduced(),
      });
    } catch (error) {
      console.error(error);
      return { refusal: this.say("unrecorded"), isDisplay: false };
    }
  }

  #tellPage(ready, detail) {
    const name = ready ? "mammo-viewer:ready" : "mammo-viewer:failed";
    this.viewer.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }

  sayRefusal(refusal) {
    this.viewer.querySelector(".mv-refusal")?.remove();
    // A page that says above its form that nothing can be sent in, and beside its button, needs no third.
    if (!refusal || document.querySelector("[data-display-notice]")) return;
    const banner = document.createElement("p");
    banner.className = "mv-banner mv-refusal";
    banner.setAttribute("role", "alert");
    banner.textContent = `${refusal} `;
    if (this.viewer.dataset.display) banner.append(wayToDisplay(this.viewer));
    this.viewer.querySelector(".mv-grid")?.before(banner);
  }

  notice(className, text) {
    const element = document.createElement("p");
    element.className = className;
    element.setAttribute("role", "status");
    element.textContent = text;
    this.viewer.append(element);
    return element;
  }

  // Nothing at all could be shown.
  sayNothing(study) {
    this.#turn += 1;
    const refusal = this.say("unavailable");
    this.viewer.replaceChildren();
    this.notice("mv-banner", refusal);
    this.#offerRetry(true);
    Object.assign(this.viewer.dataset, { failed: "*", refusal });
    this.#tellPage(false, { study, shown: [], missing: [], failed: ["*"], refusal });
  }

  // The view is judged without: declared with a reason, which the server keeps; asked again it is taken back.
  declare(slot, changed) {
    if (!this.viewer.dataset.report || !slot) return;
    if (slot.unavailable) {
      slot.takeBack();
      changed();
      return;
    }
    declareForm(slot, this.say, (reason) => {
      slot.declare(reason, this.say(reason));
      slot.notice.append(" ", this.#button("mv-declare-open", "declareBack", () => this.declare(slot, changed)));
      changed();
    });
  }

  #offerRetry(wanted) {
    this.viewer.querySelector(".mv-retry")?.remove();
    if (!wanted) return;
    const button = this.#button("mv-retry", "retry", () => this.viewer.load());
    (this.viewer.querySelector(".mv-toolbar") ?? this.viewer).append(button);
  }

  #offerDeclaring() {
    if (!this.viewer.dataset.report) return;
    for (const slot of this.#filled.filter((one) => !one.shown && !one.unavailable)) {
      slot.notice.querySelector(".mv-declare-open")?.remove();
      const open = () => this.viewer.declareUnavailable(slot);
      slot.notice.append(" ", this.#button("mv-declare-open", "declareOpen", open));
    }
  }

  #button(className, key, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = className;
    button.textContent = this.say(key);
    button.addEventListener("click", act);
    return button;
  }
}
