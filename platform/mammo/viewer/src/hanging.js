// Which image hangs where. Pure: no browser, no Cornerstone.

const SIDES = ["R", "L"];
const FIRST_VIEWS = ["CC", "MLO"];

export const slotName = (image) => `${image.laterality}${image.view}`;

function viewOrder(a, b) {
  const rank = (view) => (FIRST_VIEWS.includes(view) ? FIRST_VIEWS.indexOf(view) : FIRST_VIEWS.length);
  return rank(a) - rank(b) || a.localeCompare(b);
}

// A row for CC, one for MLO, one for every further view that both breasts have; what only one breast has is
// packed below, so that it costs no empty places.
function rowsOf(names) {
  const views = [...new Set([...names].map((name) => name.slice(1)))].sort(viewOrder);
  const isPaired = (view) => FIRST_VIEWS.includes(view) || SIDES.every((side) => names.has(side + view));
  const rows = views.filter(isPaired).map((view) => SIDES.map((side) => side + view));
  const single = views.filter((view) => !isPaired(view));
  const packed = SIDES.map((side) => single.map((view) => side + view).filter((name) => names.has(name)));
  for (let row = 0; row < Math.max(...packed.map((list) => list.length)); row += 1) {
    rows.push(packed.map((list) => list[row]));
  }
  return rows;
}

// Places of two columns, the right breast on the reader's left. Every image of the study has a place; several
// images of one view share one, the newest first.
export function hang(images, expected, earlier = "") {
  const found = new Map();
  for (const image of images) {
    const name = slotName(image);
    found.set(name, [...(found.get(name) ?? []), image]);
  }
  for (const list of found.values()) list.sort((a, b) => b.acquired_order - a.acquired_order);
  const names = new Set([...expected, ...found.keys()]);
  const slots = [];
  for (const [row, pair] of rowsOf(names).entries()) {
    for (const [column, name] of pair.entries()) {
      if (!names.has(name)) continue;
      slots.push({
        name,
        side: SIDES[column],
        view: name.slice(1),
        row: row + 1,
        expected: expected.includes(name),
        earlier,
        images: found.get(name) ?? [],
      });
    }
  }
  return slots;
}

// The chest wall lies on the right edge of a right breast's image and on the left edge of a left one's.
export const chestWall = (side) => (side === "R" ? 1 : 0);

// DICOM PS3.3 C.11.2.1: the range that a window spans, and back. LINEAR (and SIGMOID, which Cornerstone samples
// over the same range) counts whole grey levels, LINEAR_EXACT does not. A LINEAR width of 1 is legal: black up to
// wc - 0.5, white above; a range without a length would be all white.
const SHORTEST = 0.01;
export function rangeOf({ wc, ww }, voiFunction) {
  if (voiFunction === "LINEAR_EXACT") return { lower: wc - ww / 2, upper: wc + ww / 2 };
  const half = Math.max(ww - 1, SHORTEST) / 2;
  return { lower: wc - 0.5 - half, upper: wc - 0.5 + half };
}

export function windowOf({ lower, upper }, voiFunction) {
  if (voiFunction === "LINEAR_EXACT") return { wc: (lower + upper) / 2, ww: upper - lower };
  return { wc: (lower + upper + 1) / 2, ww: upper - lower + 1 };
}
