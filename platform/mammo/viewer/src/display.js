// The page "This display": what the browser finds out by itself, and how wide a card is on this screen.

const CARD_MM = 85.6; // ISO/IEC 7810 ID-1
const CARD_RATIO = 85.6 / 53.98;
const SMALLEST = [1024, 700];
const PATIENCE_MS = 60_000; // a test picture that is not drawn by then counts as not drawn

const form = document.querySelector("form[data-display]");
const texts = form.dataset;
const field = (name) => form.elements.namedItem(name);
const fact = (name, text) => (form.querySelector(`[data-fact=${name}]`).textContent = text);

function renderer() {
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return null;
  const named = context.getExtension("WEBGL_debug_renderer_info");
  const name = context.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : context.RENDERER);
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return String(name);
}

function measure() {
  const { width, height, colorDepth } = window.screen;
  const ratio = window.devicePixelRatio;
  const drawnBy = renderer();
  const values = { screen_width: width, screen_height: height, pixel_ratio: ratio, colour_depth: colorDepth };
  for (const [name, value] of Object.entries(values)) field(name).value = String(value);
  field("renderer").value = drawnBy ?? "";
  field("webgl").value = drawnBy === null ? "no" : "yes";
  fact("webgl", drawnBy === null ? texts.textNo : texts.textYes);
  fact("renderer", drawnBy ?? "–");
  fact("screen", `${Math.round(width * ratio)} × ${Math.round(height * ratio)}, ${colorDepth} bit`);
  for (const [name, value] of [["columns", width * ratio], ["rows", height * ratio]]) {
    const input = form.querySelector(`[data-native=${name}]`);
    if (!input.value) input.value = String(Math.round(value));
  }
}

function conclude(decodes) {
  field("decodes").value = decodes ? "yes" : "no";
  fact("decodes", decodes ? texts.textYes : texts.textNo);
  const reasons = [];
  if (field("webgl").value !== "yes") reasons.push(texts.textWebgl);
  if (!decodes) reasons.push(texts.textDecodes);
  if (window.screen.width < SMALLEST[0] || window.screen.height < SMALLEST[1]) reasons.push(texts.textSmall);
  if (window.screen.colorDepth < 24) reasons.push(texts.textColours);
  const found = form.querySelector("[data-found]");
  found.textContent = reasons.length ? texts.textNot.replace("{reasons}", reasons.join("; ")) : texts.textOk;
  found.dataset.verdict = reasons.length ? "no" : "yes";
  form.querySelector("[type=submit]").disabled = false;
}

function watchPattern() {
  const viewer = document.getElementById("pattern");
  viewer.addEventListener("mammo-viewer:ready", () => conclude(true));
  viewer.addEventListener("mammo-viewer:failed", () => conclude(false));
  if (viewer.dataset.ready === "1") conclude(true);
  else if (viewer.dataset.failed) conclude(false);
  else {
    // Sent in before the browser has looked, a description would say that this computer won't do.
    form.querySelector("[type=submit]").disabled = true;
    setTimeout(() => field("decodes").value || conclude(false), PATIENCE_MS);
  }
}

function watchCard() {
  const card = form.querySelector("[data-card]");
  const width = form.querySelector("[data-card-width]");
  const fits = form.querySelector("[data-card-fits]");
  const before = form.querySelector("[data-measured]");
  const isThisScreen =
    before &&
    Number(before.dataset.measuredWidth) === window.screen.width &&
    Number(before.dataset.measuredHeight) === window.screen.height;
  const kept = isThisScreen ? before.dataset.measured : "";
  const draw = () => {
    card.style.width = `${width.value}px`;
    card.style.height = `${width.value / CARD_RATIO}px`;
    const measured = CARD_MM / Number(width.value) / window.devicePixelRatio;
    field("mm_per_device_pixel").value = fits.checked ? measured.toFixed(5) : kept;
  };
  if (kept) width.value = String(Math.round(CARD_MM / (Number(kept) * window.devicePixelRatio)));
  width.addEventListener("input", draw);
  fits.addEventListener("change", draw);
  draw();
}

measure();
watchCard();
watchPattern();
