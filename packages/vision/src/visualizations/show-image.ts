import { type Displayable, escapeMarkup, jupyterDisplay } from '@chaingrad/core';
import { encodePng } from '@chaingrad/training';
import { checkImage, type Image } from '../image/image.ts';
import type { ImageDataLike } from '../image/index.ts';
import type { NumberList } from '../utils/bbox/detections.ts';
import type { CanvasContext } from './canvas.ts';
import { type VisBboxOptions, visBbox } from './vis-bbox.ts';

/** A picture for notebooks and pages. */
export interface ShownImage extends Displayable {
  /** The picture with what is drawn on it, whole in itself. */
  toSVG(): string;
}

/** How wide a letter is, in heights: there is no canvas to measure it. */
const letterWidth = 0.62;

/** A canvas whose drawing is SVG. */
class SvgContext implements CanvasContext {
  readonly canvas: { readonly width: number; readonly height: number };
  fillStyle: unknown = 'black';
  strokeStyle: unknown = 'black';
  lineWidth = 1;
  lineJoin = 'miter';
  font = '10px sans-serif';
  textBaseline = 'alphabetic';
  textAlign = 'start';
  readonly parts: string[] = [];
  pixels = new Uint8ClampedArray(0);

  constructor(width: number, height: number) {
    this.canvas = { width, height };
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.parts.push(
      `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${String(this.fillStyle)}"/>`,
    );
  }

  strokeRect(x: number, y: number, width: number, height: number): void {
    this.parts.push(
      `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="none" stroke="${String(this.strokeStyle)}" ` +
        `stroke-width="${this.lineWidth}"/>`,
    );
  }

  fillText(text: string, x: number, y: number): void {
    const style = escapeMarkup(`font:${this.font}`);
    const { width } = this.measureText(text);
    // So wide as was reckoned, whatever the font.
    this.parts.push(
      `<text x="${x}" y="${y}" textLength="${width}" lengthAdjust="spacingAndGlyphs" fill="${String(this.fillStyle)}" ` +
        `style="${style}">${escapeMarkup(text)}</text>`,
    );
  }

  measureText(text: string): { readonly width: number } {
    const size = Number(/([\d.]+)px/.exec(this.font)![1]);
    return { width: Math.round(10 * letterWidth * size * text.length) / 10 };
  }

  createImageData(width: number, height: number): ImageDataLike {
    return { width, height, data: new Uint8ClampedArray(4 * width * height) };
  }

  putImageData(pixels: ImageDataLike): void {
    this.pixels = new Uint8ClampedArray(pixels.data);
  }

  save(): void {}
  restore(): void {}
}

/**
 * A picture, with boxes on wish, as notebooks show it: where it is the last value of a cell in Deno's, and by
 * `html([(await showImage(img)).toSVG()])` in Observable's. Needs no canvas.
 *
 * ```ts
 * const [{ bbox, label, score }] = await model.predict([img]);
 * await showImage(img, bbox, label, score, { labelNames: vocBboxLabelNames })
 * ```
 *
 * @param img (H, W, 3) or (H, W, 1), 0..255.
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax) in pixels. Default none.
 * @param label R labels, or null.
 * @param score R scores, or null.
 * @throws as `visBbox`.
 */
export async function showImage(
  img: Image,
  bbox: NumberList = [],
  label: NumberList | null = null,
  score: NumberList | null = null,
  options: VisBboxOptions = {},
): Promise<ShownImage> {
  checkImage(img, 'showImage');
  const [height, width] = img.shape;
  const context = new SvgContext(width, height);
  visBbox(context, img, bbox, label, score, options);
  const png = await encodePng({ data: context.pixels, shape: [height, width, 4] });
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<image width="${width}" height="${height}" href="data:image/png;base64,${base64(png)}"/>`,
    ...context.parts,
    '</svg>',
  ].join('\n');
  return { toSVG: () => svg, [jupyterDisplay]: () => ({ 'image/svg+xml': svg }) };
}

function base64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  // A call takes so many arguments and not more.
  for (let at = 0; at < bytes.length; at += 0x8000)
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + 0x8000)));
  return btoa(pieces.join(''));
}
