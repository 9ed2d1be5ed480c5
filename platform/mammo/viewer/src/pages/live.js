// Parts that ask for news every few seconds (hx-trigger="every …"): what changed is said to screen readers once, a log
// stays where the reader scrolled it, and a hidden page asks for nothing.

const places = new Map();
let said = "";

const AT_END_PX = 24;

function keepPlaces() {
  for (const log of document.querySelectorAll("pre.log[id]")) {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < AT_END_PX;
    places.set(log.id, { top: log.scrollTop, isAtEnd });
  }
}

function restorePlaces() {
  for (const log of document.querySelectorAll("pre.log[id]")) {
    const place = places.get(log.id);
    log.scrollTop = !place || place.isAtEnd ? log.scrollHeight : place.top;
  }
}

function announce() {
  const news = [...document.querySelectorAll("[data-announce]")].map((part) => part.dataset.announce).join(" ");
  const place = document.getElementById("announcer");
  if (!place || news === said) return;
  if (said) place.textContent = news;
  said = news;
}

export function watchNews() {
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const isPolling = event.detail.elt.matches?.('[hx-trigger^="every"]');
    if (isPolling && document.hidden) event.preventDefault();
  });
  document.body.addEventListener("htmx:beforeSwap", keepPlaces);
  document.body.addEventListener("htmx:afterSettle", () => {
    restorePlaces();
    announce();
  });
  restorePlaces();
  announce();
}
