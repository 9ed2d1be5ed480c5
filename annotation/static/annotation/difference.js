// What changed between two texts, by word (Chinese by the browser's own segmentation), as runs of kept, removed
// and added text.

const LARGEST_TABLE = 4_000_000;

export function words(text, language) {
  const segmenter = new Intl.Segmenter(language, { granularity: "word" });
  return Array.from(segmenter.segment(text), (part) => part.segment);
}

// Longest common subsequence by the textbook table (Wagner and Fischer 1974), without the common ends.
export function difference(before, after, language) {
  const [a, b] = [words(before, language), words(after, language)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const runs = [];
  add(runs, "kept", a.slice(0, head));
  middle(runs, a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  add(runs, "kept", a.slice(a.length - tail));
  return runs;
}

function middle(runs, a, b) {
  if ((a.length + 1) * (b.length + 1) > LARGEST_TABLE) {
    add(runs, "removed", a);
    add(runs, "added", b);
    return;
  }
  const width = b.length + 1;
  const table = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i * width + j] =
        a[i] === b[j]
          ? table[(i + 1) * width + j + 1] + 1
          : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
    }
  }
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add(runs, "kept", [a[i++]]);
      j++;
    } else if (i < a.length && (j === b.length || table[(i + 1) * width + j] >= table[i * width + j + 1])) {
      add(runs, "removed", [a[i++]]);
    } else {
      add(runs, "added", [b[j++]]);
    }
  }
}

function add(runs, kind, parts) {
  if (!parts.length) return;
  const last = runs.at(-1);
  if (last?.kind === kind) last.text += parts.join("");
  else runs.push({ kind, text: parts.join("") });
}

const ELEMENTS = { kept: "span", removed: "del", added: "ins" };

export function show(place, runs) {
  place.replaceChildren(
    ...runs.map(({ kind, text }) => {
      const element = document.createElement(ELEMENTS[kind]);
      element.textContent = text;
      return element;
    }),
  );
}
