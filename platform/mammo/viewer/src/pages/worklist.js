// Rows of a table marked data-worklist are walked with j, k, the arrows, Home and End; Enter is the row's own link.
// From nowhere on the page, j or k goes to the first row.

function rowsOf(table) {
  const links = [...table.querySelectorAll("tbody tr")].map((row) => row.querySelector("a[href]"));
  return links.filter(Boolean);
}

function move(table, key, from) {
  const links = rowsOf(table);
  const at = links.findIndex((link) => link.closest("tr") === from.closest("tr"));
  const targets = { j: at + 1, ArrowDown: at + 1, k: at - 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 };
  if (!(key in targets)) return false;
  links[Math.min(Math.max(targets[key], 0), links.length - 1)]?.focus();
  return true;
}

function enter(event) {
  const isNowhere = event.target === document.body && document.documentElement.dataset.keys !== "off";
  const first = isNowhere && /^[jk]$/.test(event.key) ? document.querySelector("table[data-worklist] tbody a[href]") : null;
  first?.focus();
  return first !== null;
}

export function enableWorklists() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const table = event.target.closest?.("table[data-worklist]");
    if (!table) {
      if (enter(event)) event.preventDefault();
      return;
    }
    if (!event.target.matches("tbody a[href]")) return;
    if (move(table, event.key, event.target)) event.preventDefault();
  });
}
