/** Photos with faces, of sizes that the network does not have: both programs that are compared see these pixels. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

/** The folder of the package that the weights and the photos come from. */
export const faceApiFolder = dirname(
  createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json'),
);

interface Variant {
  readonly sample: number;
  /** Part of the photo: left, top, width, height. */
  readonly part?: readonly [left: number, top: number, width: number, height: number];
  /** [width, height] it is then stretched to. */
  readonly size?: readonly [width: number, height: number];
}

const variants: Readonly<Record<string, Variant>> = {
  'wide, large': { sample: 1 },
  'wide, large, many faces': { sample: 2 },
  'wide, large, others': { sample: 5 },
  'wide, small': { sample: 2, size: [301, 214] },
  'wide, hardly smaller than the network': { sample: 2, size: [500, 356] },
  'wide, as wide as the network': { sample: 2, size: [512, 365] },
  'high, large': { sample: 2, part: [700, 0, 800, 1367] },
  'high, small': { sample: 2, part: [700, 0, 800, 1367], size: [120, 205] },
  'square, large': { sample: 3, part: [300, 0, 1350, 1350] },
  'square, as the network': { sample: 3, part: [300, 0, 1350, 1350], size: [512, 512] },
  'square, small': { sample: 3, part: [300, 0, 1350, 1350], size: [97, 97] },
};

export const photoNames = Object.keys(variants);

/** @returns RGB bytes, shape (height, width, 3). */
export async function readPhoto(
  name: string,
): Promise<{ data: Uint8Array; shape: [height: number, width: number, channels: 3] }> {
  const { sample, part, size } = variants[name]!;
  let reader = sharp(join(faceApiFolder, 'demo', `sample${sample}.jpg`)).removeAlpha();
  if (part !== undefined) {
    const [left, top, width, height] = part;
    reader = reader.extract({ left, top, width, height });
  }
  if (size !== undefined) reader = reader.resize(size[0], size[1], { fit: 'fill' });
  const { data, info } = await reader.raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), shape: [info.height, info.width, 3] };
}
