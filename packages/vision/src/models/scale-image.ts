import type { Image } from '../image/index.ts';
import { type ResizeBackend, resize } from '../transforms/index.ts';

/** An image whose shorter side is brought to `minSize` pixels, unless the longer one would then exceed `maxSize`. */
export function scaleImage(
  img: Image,
  minSize: number,
  maxSize: number,
  backend: ResizeBackend,
): Image<Float32Array> {
  const [height, width] = img.shape;
  const [short, long] = [Math.min(height, width), Math.max(height, width)];
  const wanted = minSize / short;
  const scale = wanted * long > maxSize ? maxSize / long : wanted;
  return resize(img, [Math.trunc(height * scale), Math.trunc(width * scale)], { backend });
}
