import { BboxFormatError } from '../../errors.ts';
import type { Image } from '../../image/image.ts';
import type { DetectionLink } from '../../models/detection-link.ts';
import { assertIsBbox } from './assert-is-bbox.ts';

/**
 * Throws unless `link.predict` keeps the contract of a detector, tried on two images of noise of different sizes.
 *
 * One Float32Array of boxes, Int32Array of labels in [0, nFgClass) and Float32Array of scores in [0, 1] an image, with
 * one label and score a box. Boxes may reach out of the image. Chainer counterpart:
 * `chainercv.utils.assert_is_detection_link`.
 *
 * @throws BboxFormatError that says what is wrong.
 */
export async function assertIsDetectionLink(link: DetectionLink, nFgClass: number): Promise<void> {
  const noise = (height: number, width: number): Image => ({
    data: Uint8Array.from({ length: height * width * 3 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24),
    shape: [height, width, 3],
  });
  const images = [noise(48, 64), noise(48, 32)];
  const { bboxes, labels, scores } = await link.predict(images);
  const wrong = (expected: string, got: string) =>
    new BboxFormatError('assertIsDetectionLink', expected, got);
  for (const [name, list] of Object.entries({ bboxes, labels, scores })) {
    if (!Array.isArray(list) || list.length !== images.length) {
      throw wrong(
        `${images.length} entries in ${name}, one an image`,
        String((list as unknown[] | undefined)?.length),
      );
    }
  }
  images.forEach((_, i) => {
    const [bbox, label, score] = [bboxes[i]!, labels[i]!, scores[i]!];
    assertIsBbox(bbox);
    const boxes = bbox.length / 4;
    if (!(label instanceof Int32Array) || label.length !== boxes)
      throw wrong(`an Int32Array of ${boxes} labels`, describe(label));
    if (!(score instanceof Float32Array) || score.length !== boxes) {
      throw wrong(`a Float32Array of ${boxes} scores`, describe(score));
    }
    const strange = label.find((l) => l < 0 || l >= nFgClass);
    if (strange !== undefined) throw wrong(`labels in [0, ${nFgClass})`, `${strange}`);
    const outside = score.find((s) => !(s >= 0 && s <= 1));
    if (outside !== undefined) throw wrong('scores in [0, 1]', `${outside}`);
  });
}

const describe = (list: unknown): string =>
  ArrayBuffer.isView(list) ? `${list.constructor.name} of ${(list as Int32Array).length}` : typeof list;
