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

/** The colours of Cityscapes' 19 classes. Chainer counterpart: `cityscapes_semantic_segmentation_label_colors`. */
// biome-ignore format: one list
export const cityscapesLabelColors: readonly Rgb[] = [
  [128, 64, 128], [244, 35, 232], [70, 70, 70], [102, 102, 156], [190, 153, 153], [153, 153, 153], [250, 170, 30],
  [220, 220, 0], [107, 142, 35], [152, 251, 152], [70, 130, 180], [220, 20, 60], [255, 0, 0], [0, 0, 142], [0, 0, 70],
  [0, 60, 100], [0, 80, 100], [0, 0, 230], [119, 11, 32],
];

/** The colours of CamVid's 11 classes. Chainer counterpart: `camvid_label_colors`. */
// biome-ignore format: one list
export const camvidLabelColors: readonly Rgb[] = [
  [128, 128, 128], [128, 0, 0], [192, 192, 128], [128, 64, 128], [60, 40, 222], [128, 128, 0], [192, 128, 128],
  [64, 64, 128], [64, 0, 128], [64, 64, 0], [0, 128, 192],
];

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
