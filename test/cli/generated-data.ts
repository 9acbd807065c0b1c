/** A small data set in the layout of Pascal VOC: bright and dark squares on grey, as PNG. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '@chaingrad/core';
import sharp from 'sharp';

const SIDE = 96;

/** Writes `count` images; without `lists` there is no ImageSets. */
export async function writeVocFolder(
  root: string,
  count: number,
  lists?: Record<string, number[]>,
): Promise<void> {
  const rng = new Random(7);
  for (const folder of ['Annotations', 'JPEGImages']) mkdirSync(join(root, folder), { recursive: true });
  for (let i = 0; i < count; i++) {
    const pixels = new Uint8Array(SIDE * SIDE * 3).fill(128);
    const objects = ['bright', 'dark'].map((name, k) => {
      const size = 24 + rng.integer(16);
      const x = rng.integer(SIDE - size);
      // One above the other, so that neither covers the other.
      const y = k * (SIDE / 2) + rng.integer(SIDE / 2 - size + 1);
      for (let v = y; v < y + size; v++) {
        pixels.fill(name === 'bright' ? 250 : 5, (v * SIDE + x) * 3, (v * SIDE + x + size) * 3);
      }
      return `<object><name>${name}</name><bndbox><xmin>${x + 1}</xmin><ymin>${y + 1}</ymin><xmax>${x + size}</xmax><ymax>${y + size}</ymax></bndbox></object>`;
    });
    await sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } }).toFile(
      join(root, `JPEGImages/${i}.png`),
    );
    writeFileSync(
      join(root, `Annotations/${i}.xml`),
      `<annotation><size><width>${SIDE}</width><height>${SIDE}</height></size>${objects.join('')}</annotation>`,
    );
  }
  if (lists === undefined) return;
  mkdirSync(join(root, 'ImageSets/Main'), { recursive: true });
  for (const [name, ids] of Object.entries(lists))
    writeFileSync(join(root, `ImageSets/Main/${name}.txt`), ids.join('\n'));
}
