/** The networks that give every pixel a class as files: equal in ONNX Runtime, native and WASM. */
import { Chain, useBackend, withoutValues } from '@chaingrad/core';
import {
  Decoder,
  DeepLabV3plus,
  DeepLabV3plusXception65,
  SegNetBasic,
  SeparableASPP,
  XceptionBlock,
} from '@chaingrad/vision';
import type * as tf from '@tensorflow/tfjs-core';
import { readJson } from '../../support/goldens.ts';
import type { ParamRow } from '../../support/models.ts';
import { fillRows } from '../../vision/models/generated-net.ts';
import { expectSame, floats } from './support.ts';

interface Golden {
  readonly n_class: number;
  readonly params: ParamRow[];
  readonly persistents: ParamRow[];
}

/** A narrow extractor of two blocks. */
class Extractor extends Chain {
  readonly mean = [127.5, 127.5, 127.5] as const;
  readonly fine = new XceptionBlock(3, [4, 6, 8], { stride: 2 });
  readonly coarse = new XceptionBlock(8, [8, 8, 8], { stride: 2, skipType: 'none', activFirst: false });

  override forward(x: tf.Tensor4D): [tf.Tensor4D, tf.Tensor4D] {
    const [lowlevel] = this.fine.call(x);
    return [lowlevel, this.coarse.call(lowlevel)[0]];
  }
}

describe('exportOnnx of networks that give every pixel a class', () => {
  before(() => useBackend('wasm'));

  for (const runtime of ['native', 'web'] as const) {
    it(`SegNetBasic, ${runtime}`, async () => {
      const golden = readJson<Golden>('goldens/cv_segnet.json');
      using model = withoutValues(() =>
        new SegNetBasic({ nClass: golden.n_class }).initialize([1, 32, 32, 3]),
      );
      fillRows(model, golden);
      const input = floats([1, 30, 44, 3]);
      const image = { ...input, data: input.data.map((value) => value * 255) };
      await expectSame(model, [image], { runtime, tolerance: 5e-5, size: 'fixed' });
    });

    it(`DeepLabV3plus, ${runtime}`, async () => {
      using model = new DeepLabV3plus(
        new Extractor(),
        new SeparableASPP(8, 8, { dilates: [1, 2, 3] }),
        new Decoder(8, 5, 4, 6),
      );
      await expectSame(model, [floats([2, 29, 34, 3])], { runtime, tolerance: 5e-5, size: 'fixed' });
    });

    it(`DeepLabV3plusXception65, ${runtime}`, async () => {
      const golden = readJson<Golden>('goldens/cv_deeplab.json');
      using model = withoutValues(() =>
        new DeepLabV3plusXception65({ nClass: golden.n_class }).initialize([1, 65, 65, 3]),
      );
      fillRows(model, golden);
      await expectSame(model, [floats([1, 65, 65, 3])], { runtime, tolerance: 2e-5 });
    });
  }
});
