import { InvalidArgumentError, valueText } from '@chaingrad/core';
import { crc32 } from '@chaingrad/weights';

/** Pixels, rows first, 0..255: what `@chaingrad/vision` calls an `Image`; grey with one channel, transparent with four. */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly shape: readonly [height: number, width: number, channels: number];
}

/** PNG's colour types by the number of channels. */
const colourTypes: Readonly<Record<number, number>> = { 1: 0, 2: 4, 3: 2, 4: 6 };

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/**
 * Pixels as a PNG file.
 * @throws InvalidArgumentError for what are no pixels of 8 bits.
 */
export async function encodePng(pixels: Pixels): Promise<Uint8Array<ArrayBuffer>> {
  checkPixels('encodePng', pixels);
  const {
    data,
    shape: [height, width, channels],
  } = pixels;
  const stride = width * channels;
  // Each row begins with its filter: none.
  const rows = new Uint8Array(height * (stride + 1));
  for (let y = 0; y < height; y++)
    rows.set(data.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, colourTypes[channels]!, 0, 0, 0], 8);
  const deflated = new Blob([rows]).stream().pipeThrough(new CompressionStream('deflate'));
  const content = new Uint8Array(await new Response(deflated).arrayBuffer());
  const parts = [signature, chunk('IHDR', header), chunk('IDAT', content), chunk('IEND', new Uint8Array(0))];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function chunk(type: string, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(content, 8);
  view.setUint32(8 + content.length, crc32(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

/** @param where who takes the pixels, for messages. */
export function checkPixels(where: string, pixels: Pixels): void {
  const expected = '{ data, shape: [height, width, 1 to 4] } with a byte for each channel';
  const { data, shape } = (pixels ?? {}) as Partial<Pixels>;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray) || !Array.isArray(shape)) {
    throw new InvalidArgumentError(where, expected, valueText(pixels));
  }
  const [height, width, channels] = shape;
  const whole = shape.length === 3 && shape.every((n) => Number.isInteger(n) && n > 0);
  if (!whole || colourTypes[channels!] === undefined || data.length !== height! * width! * channels!) {
    throw new InvalidArgumentError(where, expected, `${data.length} bytes of shape (${shape.join(', ')})`);
  }
}
