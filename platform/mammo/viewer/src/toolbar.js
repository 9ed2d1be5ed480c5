// The viewer's buttons and keys: one table, so that a button and its key can't drift apart.

// `tool` chooses what the left mouse button does; `act` names a method of the viewer.
export const COMMANDS = [
  { name: "window", key: "w", tool: "window" },
  { name: "pan", key: "p", tool: "pan" },
  { name: "length", key: "m", tool: "length" },
  { name: "clear", key: "Delete", act: "clearMeasurements", icon: "⌫" },
  { name: "zoomIn", key: "+", act: "zoomIn", icon: "+" },
  { name: "zoomOut", key: "-", act: "zoomOut", icon: "−" },
  { name: "actual", key: "1", act: "showActualPixels", icon: "1:1" },
  { name: "trueSize", key: "t", act: "showTrueSize" },
  { name: "lens", key: "l", act: "toggleLens", toggles: true },
  { name: "invert", key: "i", act: "toggleInvert", toggles: true, icon: "◐" },
  { name: "flip", key: "h", act: "flipAcross", icon: "⇋" },
  { name: "enlarge", key: "f", act: "toggleEnlarged", icon: "▣" },
  { name: "next", key: "n", act: "nextStep", icon: "▸" },
  { name: "begin", key: "o", act: "beginAtThisStep", toggles: true, icon: "⚑" },
  { name: "linked", key: "k", act: "toggleLinked", toggles: true, needsEarlier: true },
  { name: "reset", key: "0", act: "reset", icon: "↺" },
];

const UNSEEN = {
  "=": "zoomIn",
  "[": "narrowWindow",
  "]": "widenWindow",
  " ": "nextStep",
  b: "previousStep",
  v: "flipDown",
  s: "changeLensSize",
  d: "changeLensZoom",
  x: "nextPreset",
  u: "declareUnavailable",
  ",": "stepNewer",
  ".": "stepOlder",
  ArrowLeft: "panLeft",
  ArrowRight: "panRight",
  ArrowUp: "panUp",
  ArrowDown: "panDown",
};

const TYPED_INTO = "input, textarea, select, [contenteditable]";

// Carries out the command of a key pressed inside the viewer; says whether there was one.
export function obey(viewer, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(TYPED_INTO)) return false;
  // Space on a button is the button's.
  if (event.key === " " && event.target.closest("button")) return false;
  // The card of keys has a switch for single keys (WCAG 2.1.4).
  if (event.key.length === 1 && event.key !== " " && document.documentElement.dataset.keys === "off") return false;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const command = COMMANDS.find((candidate) => candidate.key === key);
  if (command) run(viewer, command);
  else if (UNSEEN[key]) viewer[UNSEEN[key]]();
  else return false;
  return true;
}

function run(viewer, command) {
  if (command.tool) viewer.setTool(command.tool);
  else viewer[command.act]();
}

export function buildToolbar(viewer, say, { hasEarlier }) {
  const bar = document.createElement("div");
  bar.className = "mv-toolbar";
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", say("tools"));
  for (const command of COMMANDS.filter((one) => hasEarlier || !one.needsEarlier)) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.command = command.name;
    button.textContent = command.icon ?? say(command.name);
    button.title = `${say(command.name)} (${command.key})`;
    // The name holds what the eye reads, so that a spoken "click 1:1" finds the button (WCAG 2.5.3).
    button.setAttribute("aria-label", command.icon ? `${command.icon} ${say(command.name)}` : say(command.name));
    button.setAttribute("aria-keyshortcuts", command.key === "+" ? "Plus" : command.key);
    if (command.tool) {
      button.dataset.tool = command.tool;
      button.setAttribute("aria-pressed", "false");
    }
    if (command.toggles) {
      button.dataset.toggles = command.name;
      button.setAttribute("aria-pressed", "false");
    }
    button.addEventListener("click", () => run(viewer, command));
    bar.append(button);
  }
  return bar;
}

export function markTool(bar, tool) {
  for (const button of bar.querySelectorAll("[data-tool]")) {
    button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  }
}

export function markToggle(bar, name, isOn) {
  bar?.querySelector(`[data-toggles="${name}"]`)?.setAttribute("aria-pressed", String(isOn));
}

// The windows that the makers of the equipment supplied, by their explanation; those without one by position.
export function buildPresets(images, say, chosen) {
  const all = new Map();
  for (const { presets } of images) {
    for (const [index, preset] of presets.entries()) {
      const key = preset.label ? preset.label.trim().toUpperCase() : String(index);
      if (!all.has(key)) all.set(key, { preset, index });
    }
  }
  if (all.size < 2) return null;
  const select = document.createElement("select");
  select.className = "mv-presets";
  select.setAttribute("aria-label", say("presets"));
  for (const { preset, index } of all.values()) {
    const said = preset.label.trim() || `${say("window")} ${preset.ww} / ${preset.wc}`;
    const option = new Option(said, String(select.length));
    Object.assign(option.dataset, { index, label: preset.label });
    select.append(option);
  }
  select.addEventListener("change", chosen);
  return select;
}
