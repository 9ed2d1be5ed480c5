// DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3: from a value to one of 256 greys. Pure.

const VALUES = 65536;

const CURVES = {
  LINEAR: (value, wc, ww) => (value - (wc - 0.5)) / Math.max(ww - 1, 1e-6) + 0.5,
  LINEAR_EXACT: (value, wc, ww) => (value - wc) / ww + 0.5,
  SIGMOID: (value, wc, ww) => 1 / (1 + Math.exp((-4 * (value - wc)) / ww)),
};

export function greysOf({ wc, ww }, voiFunction, inverted) {
  const curve = CURVES[voiFunction] ?? CURVES.LINEAR;
  const table = new Uint8ClampedArray(VALUES);
  for (let value = 0; value < VALUES; value += 1) {
    const grey = 255 * Math.min(1, Math.max(0, curve(value, wc, ww)));
    table[value] = inverted ? 255 - grey : grey;
  }
  return table;
}
