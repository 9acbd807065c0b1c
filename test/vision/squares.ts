/** Images with one bright or dark square each, and where it is. */
import { Random } from '@chaingrad/core';
import type { DetectionExample } from '@chaingrad/vision';

/** @param count images, half of them with a bright (label 0), half with a dark square (label 1) on grey. */
export function squares(count: number, height = 40, width = 60, seed = 3): DetectionExample[] {
  const rng = new Random(seed);
  return Array.from({ length: count }, (_, i) => {
    const size = 12 + rng.integer(10);
    const y = rng.integer(height - size);
    const x = rng.integer(width - size);
    const data = new Uint8Array(height * width * 3).fill(120);
    for (let v = y; v < y + size; v++) {
      data.fill(i % 2 === 0 ? 255 : 0, (v * width + x) * 3, (v * width + x + size) * 3);
    }
    return {
      img: { data, shape: [height, width, 3] as const },
      bbox: Float32Array.of(y, x, y + size, x + size),
      label: Int32Array.of(i % 2),
      difficult: new Uint8Array(1),
    };
  });
}
