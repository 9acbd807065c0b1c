/** What a 2-d canvas can draw, in a browser or with `@napi-rs/canvas`, and how its pixels are read. */
import { ImageFormatError } from '../errors.ts';
import type { Image } from './image.ts';
import { imageHeader, refuseTooLarge } from './image-header.ts';

interface CanvasLike {
  readonly width: number;
  readonly height: number;
  getContext(kind: '2d', options?: object): unknown;
}

const constructorOf = (name: string): (new (...args: never[]) => object) | undefined =>
  (globalThis as unknown as Record<string, new (...args: never[]) => object>)[name];

const isInstance = (input: object, name: string): boolean => {
  const type = constructorOf(name);
  return typeof type === 'function' && input instanceof type;
};

const isCanvas = (input: object): input is CanvasLike =>
  'getContext' in input && typeof input.getContext === 'function';

/** Whether the pixels must be read through a canvas. */
export const isDrawable = (input: object): boolean =>
  isCanvas(input) ||
  ['HTMLImageElement', 'HTMLVideoElement', 'ImageBitmap', 'Blob', 'VideoFrame'].some((name) =>
    isInstance(input, name),
  );

/** What is expected where nothing decodes. */
export const decodedPixels = 'decoded pixels';

/** How much of a file is looked at for its header, which may stand behind a preview or a colour profile. */
const headerBytes = 1 << 20;

/** RGBA pixels of a drawable. Images that are still loading are waited for. */
export async function drawnPixels(input: object, maxPixels: number): Promise<Image> {
  const scratch = (width: number, height: number): CanvasLike | null => {
    if (typeof OffscreenCanvas === 'function') return new OffscreenCanvas(width, height);
    if (typeof document === 'undefined') return null;
    return Object.assign(document.createElement('canvas'), { width, height });
  };

  if (isInstance(input, 'Blob')) {
    if (typeof createImageBitmap !== 'function') {
      throw new ImageFormatError(
        'toImage',
        decodedPixels,
        'a Blob',
        'Only a browser decodes blobs; in Node decode the file first.',
      );
    }
    const start = await (input as Blob).slice(0, headerBytes).arrayBuffer();
    const header = imageHeader(new Uint8Array(start));
    if (header !== null) refuseTooLarge('toImage', header.size, maxPixels);
    const bitmap = await decoded(createImageBitmap(input as Blob));
    try {
      return await drawnPixels(bitmap, maxPixels);
    } finally {
      bitmap.close();
    }
  }
  if (isInstance(input, 'HTMLImageElement')) await decoded((input as HTMLImageElement).decode());

  const { width, height } = sizeOf(input);
  if (!(width > 0 && height > 0)) {
    throw new ImageFormatError('toImage', 'an image with at least one pixel', `${width} x ${height}`);
  }
  refuseTooLarge('toImage', [height, width], maxPixels);
  const canvas = scratch(width, height);
  if (canvas !== null) {
    const context = canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
    context.drawImage(input as CanvasImageSource, 0, 0);
    return { data: context.getImageData(0, 0, width, height).data, shape: [height, width, 4] };
  }
  // Node: a canvas gives its own pixels.
  const context = isCanvas(input) ? (input.getContext('2d') as CanvasRenderingContext2D | null) : null;
  if (context === null) {
    throw new ImageFormatError(
      'toImage',
      'an image that can be drawn here',
      input.constructor.name,
      'There is no canvas to draw it on: give its pixels, or a canvas of @napi-rs/canvas.',
    );
  }
  return { data: context.getImageData(0, 0, width, height).data, shape: [height, width, 4] };
}

/** A browser's complaint about a file that is no image, as ours. */
async function decoded<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw new ImageFormatError('toImage', 'an image that the browser can decode', String(error));
  }
}

function sizeOf(input: object): { width: number; height: number } {
  const has = input as Partial<Record<string, number>>;
  return {
    width: has['naturalWidth'] ?? has['videoWidth'] ?? has['displayWidth'] ?? has['width'] ?? 0,
    height: has['naturalHeight'] ?? has['videoHeight'] ?? has['displayHeight'] ?? has['height'] ?? 0,
  };
}
