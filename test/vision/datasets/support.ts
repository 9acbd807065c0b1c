/** Tiny datasets in memory, with images in a format of two bytes of size and the pixels. */

import { type DatasetFiles, type DecodeImage, memoryFiles } from '@chaingrad/vision';

const text = (content: string) => new TextEncoder().encode(content);

/** An image file of one colour. */
export function imageFile(height: number, width: number, value = 7): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 + height * width * 3).fill(value);
  bytes[0] = height;
  bytes[1] = width;
  return bytes;
}

export const decode: DecodeImage = (bytes, file) => {
  const [height, width] = bytes as unknown as [number, number];
  if (bytes.length !== 2 + height * width * 3) throw new Error(`${file}: cut short`);
  return { data: bytes.subarray(2), shape: [height, width, 3] };
};

export type Box = readonly [name: string, xmin: number | string, ymin: number, xmax: number, ymax: number];

export const vocXml = (
  height: number,
  width: number,
  boxes: readonly Box[],
  difficult = 0,
): string => `<?xml version="1.0"?>
<!-- made for a test --><annotation>
  <size><width>${width}</width><height>${height}</height><depth>3</depth></size>
${boxes
  .map(
    ([name, xmin, ymin, xmax, ymax]) =>
      `<object><name>${name}</name><difficult>${difficult}</difficult><bndbox>
<xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox></object>`,
  )
  .join('\n')}
</annotation>`;

/** Files by path; strings become UTF-8. */
export const filesOf = (entries: Record<string, string | Uint8Array<ArrayBuffer>>): DatasetFiles =>
  memoryFiles(
    Object.entries(entries).map(([path, content]) => [
      path,
      typeof content === 'string' ? text(content) : content,
    ]),
    'tiny',
  );
