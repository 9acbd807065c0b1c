/** Boxes, labels and scores on a picture. */
import { visBbox } from '@chaingrad/vision';
import { createCanvas, GlobalFonts } from '@napi-rs/canvas';
import type { Found } from './detector.ts';
import type { Picture } from './images.ts';
import { packagedFile } from './packaged-file.ts';

/** RGBA pixels 0..255 with their shape. */
export interface Drawing {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** A copy of the picture with every object's box, label and score (null: of none, they are the truth) drawn. */
export function drawDetections(
  picture: Picture,
  found: Omit<Found, 'scores'> & { readonly scores: Float32Array | null },
  labelNames: readonly string[],
): Drawing {
  registerFont();
  const [height, width] = picture.shape;
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  visBbox(context, picture, found.bboxes, found.labels, found.scores, { labelNames });
  return { data: context.getImageData(0, 0, width, height).data, width, height };
}

/** Servers and containers have no fonts, and Skia then draws no text at all: bring one. */
function registerFont(): void {
  if (GlobalFonts.has('DejaVu Sans')) return;
  GlobalFonts.registerFromPath(packagedFile('dejavu-fonts-ttf', '2.37.3', 'ttf/DejaVuSans.ttf'));
}
