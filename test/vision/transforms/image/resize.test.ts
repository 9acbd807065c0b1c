import {
  type Image,
  type Interpolation,
  type ResizeBackend,
  resize,
  resizeContain,
  scale,
  VisionOptionError,
} from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../../../support/backends.ts';
import { channelsLast } from '../../../support/goldens.ts';
import { expectClose, generatedImage, goldens } from '../../support.ts';

const set = goldens<{
  resize_sizes: Record<string, [number, number]>;
  'resize_contain/cv2': { y_offset: number[]; x_offset: number[]; scaled_size: number[] };
}>('eval_transforms');

const modes: [golden: string, interpolation: Interpolation, atol: number][] = [
  ['NEAREST', 'nearest', 0],
  ['BILINEAR', 'bilinear', 2e-3],
  ['BICUBIC', 'bicubic', 1e-2],
  ['LANCZOS', 'lanczos', 1e-2],
];
const backends: ResizeBackend[] = ['cv2', 'PIL'];

/** A golden result as the functions of the package give it. */
const expectImage = (got: Image, key: string, atol: number) => {
  const want = set.image(key);
  expect(got.shape, key).to.deep.equal(want.shape);
  expectClose(got.data, want.data, atol, key);
};

describe('vision/transforms/resize', () => {
  for (const backend of backends) {
    for (const [golden, interpolation, atol] of modes) {
      for (const size of ['down', 'up', 'mixed', 'half', 'same', 'one']) {
        const key = `resize/${backend}/${size}/${golden}`;
        if (golden !== 'BILINEAR' && size !== 'down' && size !== 'up') continue;
        it(`equals ChainerCV, ${key}`, () => {
          const got = resize(set.image('img'), set.json().resize_sizes[size]!, { interpolation, backend });
          expectImage(got, key, atol);
        });
      }
    }

    it(`resizes one channel, ${backend}`, () => {
      expectImage(resize(set.image('gray'), [17, 19], { backend }), `resize/${backend}/gray`, 2e-3);
    });

    it(`equals what ChainerCV feeds SSD300, ${backend}`, () => {
      const predict = goldens<{ inputs?: unknown }>('ssd300_predict');
      const image = predict.array('img0');
      const [c, h, w] = image.shape as [number, number, number];
      const img = { data: channelsLast(image.data as Uint8Array, image.shape), shape: [h, w, c] as const };
      const got = resize(img, [300, 300], { backend }).data;
      const mean = [123, 117, 104];
      const minusMean = got.map((v, i) => v - mean[i % 3]!);
      if (backend === 'cv2') {
        expectClose(minusMean, predict.image('prepared_cv2/0').data, 2e-3);
      } else {
        const chw = new Float32Array(got.length);
        minusMean.forEach((v, i) => {
          chw[(i % 3) * 90000 + Math.floor(i / 3)] = v;
        });
        const idx = predict.i32('prepared_PIL_sample/0/idx');
        expectClose(
          Array.from(idx, (i) => chw[i]!),
          predict.f32('prepared_PIL_sample/0/val'),
          2e-3,
        );
      }
    });
  }

  for (const [golden, interpolation] of [
    ['INTER_LINEAR', 'bilinear'],
    ['INTER_AREA', 'area'],
    ['INTER_NEAREST', 'nearest'],
    ['INTER_CUBIC', 'bicubic'],
    ['INTER_LANCZOS4', 'lanczos'],
  ] as const) {
    for (const size of ['down', 'up']) {
      it(`equals OpenCV's ${golden}, ${size}`, () => {
        const got = resize(set.image('img'), set.json().resize_sizes[size]!, { interpolation });
        expectImage(got, `resize_inter/${golden}/${size}`, 1e-2);
      });
    }
  }

  it('gives the same for integer images, in float32, and leaves its input alone', () => {
    const img = generatedImage('resize', 20, 30);
    const before = img.data.slice();
    const floats = { ...img, data: Float32Array.from(img.data) };
    for (const backend of backends) {
      const got = resize(img, [13, 50], { backend });
      expect(got.data).to.be.instanceOf(Float32Array);
      expectClose(got.data, resize(floats, [13, 50], { backend }).data, 0);
    }
    expectClose(img.data, before, 0);
  });

  it('keeps a constant image constant in every mode', () => {
    const img = { data: new Float32Array(7 * 9 * 2).fill(42), shape: [7, 9, 2] as const };
    for (const backend of backends) {
      for (const interpolation of ['nearest', 'bilinear', 'area', 'bicubic', 'lanczos'] as const) {
        for (const size of [
          [3, 4],
          [20, 31],
          [5, 30],
          [1, 1],
        ] as const) {
          const { data } = resize(img, size, { interpolation, backend });
          expectClose(data, new Float32Array(size[0] * size[1] * 2).fill(42), 1e-4);
        }
      }
    }
  });

  it('equals tfjs without half-pixel centres', async () => {
    await useTestBackend('cpu');
    const img = generatedImage('resize', 20, 30);
    for (const size of [
      [13, 50],
      [7, 11],
      [41, 64],
      [20, 9],
      [1, 1],
    ] as [number, number][]) {
      const [bilinear, nearest] = tf.tidy(() => {
        const x = tf.tensor3d(Float32Array.from(img.data), [...img.shape]);
        return [tf.image.resizeBilinear(x, size), tf.image.resizeNearestNeighbor(x, size)].map((y) =>
          y.dataSync(),
        );
      });
      expectClose(resize(img, size, { backend: 'tf' }).data, bilinear!, 1e-4);
      expectClose(resize(img, size, { backend: 'tf', interpolation: 'nearest' }).data, nearest!, 0);
    }
  });

  it('averages exact areas when it shrinks by a whole factor', () => {
    const img = { data: Float32Array.from({ length: 24 }, (_, i) => i), shape: [4, 6, 1] as const };
    for (const backend of backends) {
      expectClose(resize(img, [2, 2], { interpolation: 'area', backend }).data, [4, 7, 16, 19], 1e-5);
    }
  });

  it('refuses what it does not know', () => {
    const img = generatedImage('resize', 4, 4);
    expect(() => resize(img, [0, 3])).to.throw(VisionOptionError, 'size');
    expect(() => resize(img, [2.5, 3])).to.throw(VisionOptionError, 'size');
    expect(() => resize(img, [2, 3], { backend: 'gpu' as ResizeBackend })).to.throw(
      VisionOptionError,
      "'cv2', 'PIL' or 'tf'",
    );
    expect(() => resize(img, [2, 3], { backend: 'tf', interpolation: 'area' })).to.throw(
      VisionOptionError,
      "nearest, bilinear for 'tf'",
    );
    expect(() => resize(img, [2, 3], { interpolation: 'best' as Interpolation })).to.throw(
      VisionOptionError,
      'nearest',
    );
  });
});

describe('vision/transforms/scale', () => {
  for (const backend of backends) {
    it(`equals ChainerCV, ${backend}`, () => {
      expectImage(scale(set.image('img'), 20, { backend }), `scale/${backend}/short20`, 2e-3);
      expectImage(scale(set.image('img'), 60, { backend, fitShort: false }), `scale/${backend}/long60`, 2e-3);
    });
  }

  it('returns the image itself when it has the size', () => {
    const img = set.image('img');
    expect(scale(img, 31)).to.equal(img);
    expect(scale(img, 47, { fitShort: false })).to.equal(img);
  });

  it('refuses a size that is none', () => {
    expect(() => scale(set.image('img'), 0)).to.throw(VisionOptionError, 'positive');
  });
});

describe('vision/transforms/resizeContain', () => {
  for (const backend of backends) {
    it(`equals ChainerCV, ${backend}`, () => {
      const key = `resize_contain/${backend}`;
      const { img, param } = resizeContain(set.image('img'), [50, 40], { backend, fill: [1, 2, 3] });
      expectImage(img, key, 2e-3);
      const want = set.json()['resize_contain/cv2'];
      expect([param.yOffset]).to.deep.equal(want.y_offset);
      expect([param.xOffset]).to.deep.equal(want.x_offset);
      expect(param.scaledSize).to.deep.equal(want.scaled_size);
    });
  }

  it('does not enlarge', () => {
    const img = generatedImage('contain', 4, 6);
    const { img: got, param } = resizeContain(img, [9, 9], { fill: [1, 2, 3] });
    expect(param).to.deep.equal({ yOffset: 2, xOffset: 1, scaledSize: [4, 6] });
    expect([...got.data.subarray(0, 3)]).to.deep.equal([1, 2, 3]);
    expectClose(got.data.subarray((2 * 9 + 1) * 3, (2 * 9 + 7) * 3), img.data.subarray(0, 18), 0);
  });

  it('refuses fills that do not fit the channels', () => {
    expect(() => resizeContain(generatedImage('contain', 4, 6), [9, 9], { fill: [1, 2] })).to.throw(
      VisionOptionError,
      'one for each channel',
    );
  });
});
