// The link to the page where a reader describes the screen; it leads back to this page.
export function wayToDisplay(viewer) {
  const link = document.createElement("a");
  link.href = `${viewer.dataset.display}?next=${encodeURIComponent(window.location.pathname)}`;
  link.textContent = viewer.dataset.textDisplay;
  return link;
}
