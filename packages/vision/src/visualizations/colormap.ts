/** Red, green and blue, each 0..255. */
export type Rgb = readonly [r: number, g: number, b: number];

/**
 * The colour that PASCAL VOC gives to a class index.
 *
 * Three bits of the index at a time go, from the highest bit of each channel down, to red, green and blue; index 0, the
 * background, is black. Chainer counterpart: `chainercv.visualizations.voc_colormap`.
 */
export function vocColormap(index: number): Rgb {
  const rgb: [number, number, number] = [0, 0, 0];
  for (let bit = 7, rest = index; bit >= 0; bit--, rest >>= 3) {
    for (let c = 0; c < 3; c++) rgb[c]! |= ((rest >> c) & 1) << bit;
  }
  return rgb;
}

/** A colour for a label, bright and far from those of the labels next to it: steps of the golden angle in hue. */
export function labelColor(label: number): Rgb {
  const hue = (((label * 137.508 + 5) % 360) + 360) % 360;
  // Every second colour is darker, so that near hues differ in lightness.
  const lightness = label % 2 === 0 ? 0.5 : 0.4;
  const strength = 0.9 * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - strength * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
