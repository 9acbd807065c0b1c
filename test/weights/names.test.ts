import { type NameMap, Scatter } from '@chaingrad/core';
import { nameMaps } from '@chaingrad/weights';
import { expect } from 'chai';

/** Sends an array of a shape, whose values are their own indices, through the transform of a map. */
function through(
  map: keyof typeof nameMaps,
  key: string,
  shape: number[],
  pieces = 1,
): { shape: readonly number[]; at: (...index: number[]) => number } {
  const { names } = nameMaps[map] as NameMap;
  const entry = names[key]!;
  const plan = entry.transform!(shape)!;
  const count = shape.reduce((a, b) => a * b, 1);
  const out = new Float32Array(count).fill(-1);
  const scatter = new Scatter(plan);
  for (let i = 0; i < count; i += Math.ceil(count / pieces)) {
    scatter.write(
      out,
      Float32Array.from({ length: Math.min(Math.ceil(count / pieces), count - i) }, (_, k) => i + k),
    );
  }
  const at = (...index: number[]) => out[index.reduce((n, i, axis) => n * plan.shape[axis]! + i, 0)]!;
  return { shape: plan.shape, at };
}

describe('maps of names move values to where our models have them', () => {
  for (const pieces of [1, 7]) {
    it(`Keras: kernels, blue first, and a flattened (7, 7, c), in ${pieces} pieces`, () => {
      const conv = through('keras-vgg16', 'conv1_2/conv/W', [3, 3, 4, 5], pieces);
      expect(conv.shape).to.deep.equal([5, 4, 3, 3]);
      expect(conv.at(4, 1, 2, 0)).to.equal(((2 * 3 + 0) * 4 + 1) * 5 + 4);
      const first = through('keras-vgg16', 'conv1_1/conv/W', [3, 3, 3, 5], pieces);
      // Our red is their last channel.
      expect(first.at(2, 0, 1, 1)).to.equal(((1 * 3 + 1) * 3 + 2) * 5 + 2);
      expect(first.at(2, 2, 1, 1)).to.equal(((1 * 3 + 1) * 3 + 0) * 5 + 2);
      const fc = through('keras-vgg16', 'fc6/W', [7 * 7 * 2, 3], pieces);
      expect(fc.shape).to.deep.equal([3, 98]);
      const [c, y, x, out] = [1, 4, 6, 2];
      expect(fc.at(out, (c * 7 + y) * 7 + x)).to.equal(((y * 7 + x) * 2 + c) * 3 + out);
      expect(through('keras-vgg16', 'fc7/W', [4, 3], pieces).at(2, 1)).to.equal(1 * 3 + 2);
    });
  }

  it("torchvision: the deviation of the pictures goes into VGG16's first layer", () => {
    const { at } = through('torchvision-vgg16', 'conv1_1/conv/W', [2, 3, 3, 3]);
    [0.229, 0.224, 0.225].forEach((std, channel) => {
      const index = ((1 * 3 + channel) * 3 + 2) * 3 + 1;
      expect(at(1, channel, 2, 1)).to.be.closeTo(index / (255 * std), 1e-6);
    });
    expect(nameMaps['torchvision-vgg16'].mean).to.deep.equal([0.485 * 255, 0.456 * 255, 0.406 * 255]);
  });

  it('torchvision: offsets of boxes are (x, y, w, h), ours (y, x, h, w)', () => {
    const { at } = through('torchvision-ssd300', 'multibox/loc/0/W', [8, 2, 1, 1]);
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((channel) => at(channel, 0, 0, 0) / 2)).to.deep.equal([
      1, 0, 3, 2, 5, 4, 7, 6,
    ]);
    const bias = through('torchvision-ssd300', 'multibox/loc/0/b', [8]);
    expect([0, 1, 2, 3].map((channel) => bias.at(channel))).to.deep.equal([1, 0, 3, 2]);
    expect(nameMaps['torchvision-ssd300'].names['multibox/loc/0/W']!.transform!([6, 2, 1, 1])).to.equal(null);
  });
});
