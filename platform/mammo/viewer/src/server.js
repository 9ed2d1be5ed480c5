// What the viewer tells the server, and what the server keeps for this reader: nothing is kept in the browser.

function csrfToken() {
  try {
    return JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";
  } catch {
    return "";
  }
}

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrfToken() },
    body: JSON.stringify(body),
  });
  const type = answer.headers.get("Content-Type") ?? "";
  if (!type.includes("json")) throw new Error(`${address}: HTTP ${answer.status}`);
  return answer.json();
}

// Zoom changes the ratio, not the screen's size: by that size the server finds the reader's description of it.
const screenNow = () => ({
  width: window.screen.width,
  height: window.screen.height,
  pixel_ratio: window.devicePixelRatio,
  window_width: window.innerWidth,
  window_height: window.innerHeight,
});

// Tells which images are on screen; gives what a judgement still lacks ("" when nothing), and whether it is this screen.
export async function reportViews(address, { shown, unavailable, webgl }) {
  const seconds = performance.now() / 1000;
  const answer = await post(address, { shown, unavailable, webgl, screen: screenNow(), seconds });
  return { refusal: answer.refusal, isDisplay: answer.display === false };
}

// Without an address (or when the server does not answer) the defaults hold for this page.
export class Preferences {
  #address;
  #values = { tool: "window", lens_size: 260, lens_zoom: 1, linked: true, first_step: "four" };
  #screens = [];

  constructor(address) {
    this.#address = address;
  }

  async load() {
    if (!this.#address) return;
    try {
      const answer = await fetch(this.#address, { credentials: "same-origin", headers: { Accept: "application/json" } });
      const { preferences, screens } = await answer.json();
      Object.assign(this.#values, preferences);
      this.#screens = screens ?? [];
    } catch (error) {
      console.warn(error);
    }
  }

  get(name) {
    return this.#values[name];
  }

  keep(name, value) {
    if (this.#values[name] === value) return;
    this.#values[name] = value;
    if (this.#address) post(this.#address, { [name]: value }).catch((error) => console.warn(error));
  }

  // Millimetres per CSS pixel of this screen as measured with a card; null where it was not.
  get mmPerPixel() {
    const { width, height } = window.screen;
    const found = this.#screens.find((screen) => screen.width === width && screen.height === height);
    return found ? found.mm_per_device_pixel * window.devicePixelRatio : null;
  }
}
