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

const f = Math.fround;

/** Of each byte: as a hue the sector of the colour circle and the place in it, as another value its share of 255. */
const sectors = Uint8Array.from({ length: 256 }, (_, h) => Math.floor(f(h * f(6 / HUES))) % 6);
const parts = Float32Array.from({ length: 256 }, (_, h) => {
  const turned = f(h * f(6 / HUES));
  return turned - Math.floor(turned);
});
const shares = Float32Array.from({ length: 256 }, (_, v) => v * f(1 / 255));

/**
 * Replaces each (H, S, V) by (R, G, B), rounded. OpenCV rounds in its scalar code only: where it uses vectors (rows of 16
 * pixels or more, depending on the machine) it cuts fractions off.
 */
export function hsvToRgb(pixels: Uint8Array): void {
  // What is put into it is rounded, halves to even.
  const rounded = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
  for (let i = 0; i < pixels.length; i += 3) {
    const sector = sectors[pixels[i]!]!;
    const part = parts[pixels[i]!]!;
    const s = shares[pixels[i + 1]!]!;
    const v = shares[pixels[i + 2]!]!;
    const p = f(v * f(1 - s));
    // Of q and t a sector shows one.
    const between = f(v * f(1 - f(s * (sector & 1 ? part : f(1 - part)))));
    const r = sector === 0 || sector === 5 ? v : sector === 1 || sector === 4 ? between : p;
    const g = sector === 1 || sector === 2 ? v : sector === 0 || sector === 3 ? between : p;
    const b = sector === 3 || sector === 4 ? v : sector === 2 || sector === 5 ? between : p;
    rounded[i] = f(r * 255);
    rounded[i + 1] = f(g * 255);
    rounded[i + 2] = f(b * 255);
  }
}
