import {
  assertIsBbox,
  assertIsDetectionLink,
  assertIsImage,
  BboxFormatError,
  type DetectionLink,
  generateRandomBbox,
  ImageFormatError,
  VisionOptionError,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { generatedImage, TestRng } from '../../support.ts';

describe('vision/utils/generateRandomBbox', () => {
  it('gives boxes within the image and the lengths', () => {
    const bbox = generateRandomBbox(200, [50, 80], 5, 20, new TestRng(1));
    assertIsBbox(bbox, [50, 80]);
    expect(bbox).to.have.length(800);
    for (let i = 0; i < bbox.length; i += 4) {
      expect(bbox[i + 2]! - bbox[i]!).to.be.within(4.999, 20.001);
      expect(bbox[i + 3]! - bbox[i + 1]!).to.be.within(4.999, 20.001);
    }
    expect(() => generateRandomBbox(1, [10, 80], 5, 20)).to.throw(VisionOptionError, 'maxLength');
  });
});

describe('vision/utils/assertIsBbox', () => {
  it('accepts boxes and nothing else', () => {
    assertIsBbox(new Float32Array());
    assertIsBbox(Float32Array.from([0, 0, 5, 5]), [5, 5]);
    const refuses = (bbox: unknown, message: string, size?: [number, number]) =>
      expect(() => assertIsBbox(bbox, size)).to.throw(BboxFormatError, message);
    refuses([0, 0, 1, 1], 'a Float32Array');
    refuses(null, 'got null');
    refuses(new Float32Array(3), 'rows of 4');
    refuses(Float32Array.from([0, 0, 1, 1, 3, 0, 2, 1]), 'row 1');
    refuses(Float32Array.from([0, 0, 1, Number.NaN]), 'finite');
    refuses(Float32Array.from([0, 0, 5, 6]), 'within 5 x 5', [5, 5]);
  });
});

describe('vision/utils/assertIsImage', () => {
  it('accepts images and nothing else', () => {
    assertIsImage(generatedImage('image', 3, 4));
    assertIsImage({ data: new Float32Array(6), shape: [2, 3, 1] }, { color: false });
    assertIsImage({ data: Float32Array.from([-1, 0, 999]), shape: [1, 1, 3] }, { checkRange: false });
    const refuses = (img: unknown, message: string, options = {}) =>
      expect(() => assertIsImage(img, options)).to.throw(ImageFormatError, message);
    refuses(undefined, 'data and shape');
    refuses({ data: [1, 2, 3], shape: [1, 1, 3] }, 'got Array');
    refuses({ data: new Uint8Array(3), shape: [3] }, 'height, width, channels');
    refuses({ data: new Uint8Array(3), shape: [1, 1, 3] }, '1 channel', { color: false });
    refuses({ data: Float32Array.from([0, 256, 0]), shape: [1, 1, 3] }, '256 at 1');
    refuses({ data: Float32Array.from([0, Number.NaN, 0]), shape: [1, 1, 3] }, 'NaN at 1');
  });
});

describe('vision/utils/assertIsDetectionLink', () => {
  type Result = Awaited<ReturnType<DetectionLink['predict']>>;
  const linkOf = (change: (result: { bboxes: unknown[]; labels: unknown[]; scores: unknown[] }) => void) => {
    const result = {
      bboxes: [Float32Array.from([0, 0, 5, 5]), new Float32Array()] as unknown[],
      labels: [Int32Array.from([2]), new Int32Array()] as unknown[],
      scores: [Float32Array.from([0.5]), new Float32Array()] as unknown[],
    };
    change(result);
    return { predict: async () => result as unknown as Result };
  };
  const failure = (link: DetectionLink) =>
    assertIsDetectionLink(link, 3).then(
      () => 'accepted',
      (error: unknown) => (error instanceof BboxFormatError ? error.message : String(error)),
    );

  it('accepts a detector and nothing else', async () => {
    expect(await failure(linkOf(() => {}))).to.equal('accepted');
    const cases: [Parameters<typeof linkOf>[0], string][] = [
      [(r) => r.bboxes.pop(), '2 entries in bboxes'],
      [(r) => r.scores.push(new Float32Array()), '2 entries in scores'],
      [(r) => (r.labels[0] = Int32Array.from([3])), 'labels in [0, 3)'],
      [(r) => (r.labels[0] = Int32Array.from([-1])), 'labels in [0, 3)'],
      [(r) => (r.labels[0] = [2]), 'an Int32Array'],
      [(r) => (r.labels[1] = Int32Array.from([1])), '0 labels'],
      [(r) => (r.scores[0] = Float32Array.from([1.5])), 'scores in [0, 1]'],
      [(r) => (r.scores[0] = Float32Array.from([Number.NaN])), 'scores in [0, 1]'],
      [(r) => (r.scores[0] = new Float64Array(1)), 'Float64Array of 1'],
      [(r) => (r.bboxes[0] = Float32Array.from([5, 0, 0, 5])), 'yMin <= yMax'],
    ];
    for (const [change, message] of cases) expect(await failure(linkOf(change))).to.contain(message);
  });
});
