/**
 * RGB to HSV and back on bytes, as OpenCV computes it: hue in half degrees (0..179), saturation and value 0..255.
 *
 * Both ways round, and not to the nearest float: OpenCV's forward way is integer arithmetic with reciprocals of 12 bits.
 */

import { roundHalfEven } from '@chaingrad/core';

const BITS = 12;
const HALF = 1 << (BITS - 1);
const HUES = 180;

/** round(2^12 * scale / i), 0 for i = 0. */
const reciprocals = (scale: number) =>
  Int32Array.from({ length: 256 }, (_, i) => (i === 0 ? 0 : roundHalfEven((scale * 2 ** BITS) / i)));
const saturationOver = reciprocals(255);
const hueOver = reciprocals(HUES / 6);

/** Replaces each (R, G, B) by (H, S, V). */
export function rgbToHsv(pixels: Uint8Array): void {
  for (let i = 0; i < pixels.length; i += 3) {
    const r = pixels[i]!;
    const g = pixels[i + 1]!;
    const b = pixels[i + 2]!;
    const value = Math.max(r, g, b);
    const range = value - Math.min(r, g, b);
    let hue: number;
    if (value === r) hue = g - b;
    else if (value === g) hue = b - r + 2 * range;
    else hue = r - g + 4 * range;
    hue = (hue * hueOver[range]! + HALF) >> BITS;
    pixels[i] = hue < 0 ? hue + HUES : hue;
    pixels[i + 1] = (range * saturationOver[value]! + HALF) >> BITS;
    pixels[i + 2] = value;
  }
}

/**
 * Replaces each (H, S, V) by (R, G, B), rounded. OpenCV rounds in its scalar code only: where it uses vectors (rows of 16
 * pixels or more, depending on the machine) it cuts fractions off.
 */
export function hsvToRgb(pixels: Uint8Array): void {
  const f = Math.fround;
  const unit = f(1 / 255);
  for (let i = 0; i < pixels.length; i += 3) {
    const h = f(pixels[i]! * f(6 / HUES));
    const s = f(pixels[i + 1]! * unit);
    const v = f(pixels[i + 2]! * unit);
    const sector = Math.floor(h);
    const part = f(h - sector);
    const p = f(v * f(1 - s));
    const q = f(v * f(1 - f(s * part)));
    const t = f(v * f(1 - f(s * f(1 - part))));
    // Without arrays: one a pixel, they took most of the time.
    let [r, g, b] = [v, t, p];
    const turn = sector % 6;
    if (turn === 1) [r, g, b] = [q, v, p];
    else if (turn === 2) [r, g, b] = [p, v, t];
    else if (turn === 3) [r, g, b] = [p, q, v];
    else if (turn === 4) [r, g, b] = [t, p, v];
    else if (turn === 5) [r, g, b] = [v, p, q];
    pixels[i] = roundHalfEven(f(r * 255));
    pixels[i + 1] = roundHalfEven(f(g * 255));
    pixels[i + 2] = roundHalfEven(f(b * 255));
  }
}
