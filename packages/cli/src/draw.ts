/** Boxes, labels, scores and classes of pixels on an image. */
import { createRequire } from 'node:module';
import { type Image, type LabelMap, visBbox, visSemanticSegmentation } from '@chaingrad/vision';
import { createCanvas, GlobalFonts } from '@napi-rs/canvas';
import type { Found } from './detector.ts';

/** An RGBA copy of the image with every object's box, label and score (null: of none, they are the truth) drawn. */
export function drawDetections(
  img: Image,
  found: Omit<Found, 'scores'> & { readonly scores: Float32Array | null },
  labelNames: readonly string[],
): Image<Uint8ClampedArray> {
  registerFont();
  const [height, width] = img.shape;
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  visBbox(context, img, found.bboxes, found.labels, found.scores, { labelNames });
  return { data: context.getImageData(0, 0, width, height).data, shape: [height, width, 4] };
}

/** An RGBA copy of the image with the colour of each pixel's class mixed in. */
export function drawLabels(img: Image, label: LabelMap, alpha: number): Image<Uint8ClampedArray> {
  const [height, width] = img.shape;
  const context = createCanvas(width, height).getContext('2d');
  visSemanticSegmentation(context, img, label, { alpha });
  return { data: context.getImageData(0, 0, width, height).data, shape: [height, width, 4] };
}

/** Servers and containers have no fonts, and Skia then draws no text at all: bring one. */
function registerFont(): void {
  if (GlobalFonts.has('DejaVu Sans')) return;
  GlobalFonts.registerFromPath(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'));
}
