// A sentence that several proposals share is mended once: what changed in one text, as pairs of old and new, is put
// into every other text that still holds the old one as sentences of its own.

// A full stop ends a sentence before a blank or at the end alone: 1.5 cm is one measurement.
const SENTENCE = /(?:[^。！？!?；;\n.]|\.(?!\s|$))+(?:[。！？!?；;\n]+|\.(?=\s|$)|$)/gu;

export const sentences = (text) => text.match(SENTENCE) ?? [];

// Longest common subsequence of sentences; what lies between two kept ones is one replacement.
export function replacements(before, after) {
  const [a, b] = [sentences(before), sentences(after)];
  const width = b.length + 1;
  const table = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i * width + j] =
        a[i].trim() === b[j].trim()
          ? table[(i + 1) * width + j + 1] + 1
          : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
    }
  }
  const found = [];
  let [i, j, old, fresh] = [0, 0, [], []];
  const close = () => {
    if (old.length) found.push({ old: old.join("").trim(), fresh: fresh.join("").trim() });
    [old, fresh] = [[], []];
  };
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i].trim() === b[j].trim()) {
      close();
      i++;
      j++;
    } else if (i < a.length && (j === b.length || table[(i + 1) * width + j] >= table[i * width + j + 1])) {
      old.push(a[i++]);
    } else {
      fresh.push(b[j++]);
    }
  }
  close();
  return found;
}

// The text with every sentence, or run of sentences, that was replaced elsewhere; the same text when it holds none.
// Whole sentences only: “需要手术。” is no part of “目前不需要手术。”.
export function applied(text, changes) {
  const sought = changes.map(({ old, fresh }) => ({ items: items(old), fresh })).filter((one) => one.items.length);
  const held = items(text);
  let [made, from] = ["", 0];
  for (let at = 0; at < held.length; at++) {
    const found = sought.find((one) => one.items.every((item, n) => item.words === held[at + n]?.words));
    if (!found) continue;
    const [first, last] = [held[at], held[at + found.items.length - 1]];
    // A sentence that goes takes its blanks along; one that is replaced stands between the same ones.
    made += text.slice(from, found.fresh ? first.start : first.from) + found.fresh;
    from = found.fresh ? last.end : last.to;
    at += found.items.length - 1;
  }
  return made + text.slice(from);
}

// The sentences of a text without the blanks around them, where they stand (start, end), and where their blanks do
// (from, to).
function items(text) {
  return [...text.matchAll(SENTENCE)]
    .map((match) => {
      const words = match[0].trim();
      const start = match.index + match[0].indexOf(words);
      return { words, start, end: start + words.length, from: match.index, to: match.index + match[0].length };
    })
    .filter((item) => item.words);
}
