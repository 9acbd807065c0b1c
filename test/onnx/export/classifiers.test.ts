/** The classifiers beside VGG16 as files: equal in ONNX Runtime, native and WASM. */
import { type PickableSequentialChain, useBackend, withoutValues } from '@chaingrad/core';
import {
  MobileNetV2,
  ResNet18,
  ResNet34,
  ResNet50,
  ResNet101,
  ResNet152,
  SEResNet50,
  SEResNet101,
  SEResNet152,
  SEResNeXt50,
  SEResNeXt101,
} from '@chaingrad/vision';
import { readJson } from '../../support/goldens.ts';
import { type ForwardGolden, fillNet } from '../../vision/models/generated-net.ts';
import { expectSame, floats } from './support.ts';

const cases: [golden: string, make: (nClass: number) => PickableSequentialChain, picked: string[]][] = [
  ['cv_resnet50_fb', (nClass) => new ResNet50({ nClass }), ['res5', 'fc6']],
  ['cv_resnet50_he', (nClass) => new ResNet50({ nClass, arch: 'he' }), ['res5', 'fc6']],
  ['cv_seresnet50', (nClass) => new SEResNet50({ nClass }), ['res5', 'fc6']],
  ['cv_seresnext50', (nClass) => new SEResNeXt50({ nClass }), ['res5', 'fc6']],
  ['cv_mobilenetv2', (nClass) => new MobileNetV2({ nClass }), ['conv1', 'squeeze']],
];

/** Those of which no golden has the weights: they are of the same blocks, and drawn here. */
const deeper: Record<string, () => PickableSequentialChain> = {
  ResNet18: () => new ResNet18({ nClass: 5 }),
  ResNet34: () => new ResNet34({ nClass: 5 }),
  ResNet101: () => new ResNet101({ nClass: 5 }),
  ResNet152: () => new ResNet152({ nClass: 5, arch: 'he' }),
  SEResNet101: () => new SEResNet101({ nClass: 5 }),
  SEResNet152: () => new SEResNet152({ nClass: 5 }),
  SEResNeXt101: () => new SEResNeXt101({ nClass: 5 }),
};

describe('exportOnnx of the classifiers', () => {
  before(() => useBackend('wasm'));

  for (const [name, make, picked] of cases) {
    it(`${name}: features and logits are the same in ONNX Runtime`, async () => {
      const golden = readJson<ForwardGolden>(`goldens/${name}.json`);
      using model = withoutValues(() => make(golden.n_class).initialize([1, 64, 64, 3]));
      fillNet(model, golden);
      model.pick = picked;
      const input = floats([1, 64, 64, 3]);
      const image = { ...input, data: input.data.map((value) => value * 128) };
      for (const runtime of ['native', 'web'] as const)
        await expectSame(model, [image], { runtime, tolerance: 2e-5 });
    });
  }

  for (const [name, make] of Object.entries(deeper)) {
    it(`${name}: features and logits of drawn weights are the same in ONNX Runtime`, async () => {
      using model = make().initialize([1, 32, 32, 3]);
      model.pick = ['res5', 'fc6'];
      await expectSame(model, [floats([2, 32, 32, 3])], { tolerance: 2e-5 });
    });
  }
});
