// A sentence that several proposals share is mended once: what changed in one text, as pairs of old and new, is put
// into every other text that still holds the old one.

const SENTENCE = /[^。！？!?；;\n.]+(?:[。！？!?；;\n]+|\.(?=\s|$)|$|\.)/gu;

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

// The text with every replacement that fits; the same text when none does.
export function applied(text, changes) {
  return changes.reduce((made, { old, fresh }) => (old && made.includes(old) ? made.replace(old, fresh) : made), text);
}
