/** The library's networks as files: equal in ONNX Runtime, native and WASM; detectors from the picture to the boxes. */
import { createRequire } from 'node:module';
import { type Link, useBackend } from '@chaingrad/core';
import { exportOnnx, importOnnx } from '@chaingrad/onnx';
import {
  type Image,
  onnxOfDetector,
  type PredictOptions,
  type SSD,
  SSD300,
  SSD512,
  SSDMobileNetV1Face,
  SSDMobileNetV2,
  VGG16,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { expectClose } from '../../support/backends.ts';
import { channelsLast, imageU8, readJson } from '../../support/goldens.ts';
import { fillParams, type ParamRow } from '../../support/models.ts';
import { readPhoto } from '../../vision/models/face-api/photos.ts';
import { expectDetections } from './detections.ts';
import { callHere, callRuntime, expectSame, floats, modelOf } from './support.ts';

const require = createRequire(import.meta.url);

const fill = <M extends SSD | VGG16>(model: M, golden: string, side: number): M => {
  model.initialize([1, side, side, 3]);
  fillParams(model, readJson<{ params: ParamRow[] }>(`goldens/${golden}.json`).params);
  return model;
};

const makers: Record<string, () => SSD | Promise<SSD>> = {
  SSD300: () => fill(new SSD300({ nFgClass: 20 }), 'ssd300_params', 300),
  SSD512: () => fill(new SSD512({ nFgClass: 20 }), 'ssd512_params', 512),
  SSDMobileNetV2: () =>
    SSDMobileNetV2.fromPretrained(
      require.resolve('@mediapipe/objectron/objectron_solution_packed_assets.data'),
    ),
  SSDMobileNetV1Face: () =>
    SSDMobileNetV1Face.fromPretrained(
      require.resolve('@vladmandic/face-api/model/ssd_mobilenetv1_model-weights_manifest.json'),
    ),
};

/** Numbers like those of a prepared picture. */
const prepared = (model: SSD, batch: number) => {
  const input = floats([batch, model.insize, model.insize, 3], 3);
  const { divisor } = model.preparation;
  return { ...input, data: input.data.map((value) => (value * 128) / divisor) };
};

const histogram = (ops: readonly string[]) => {
  const counts: Record<string, number> = {};
  for (const op of ops) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
};

describe('exportOnnx of the detectors', () => {
  before(() => useBackend('wasm'));

  for (const [name, make] of Object.entries(makers)) {
    describe(name, () => {
      let model: SSD;
      before(async () => {
        model = await make();
      });
      after(() => model.dispose());

      it('gives the same outputs in ONNX Runtime, with transposes only before the joined heads', async () => {
        const input = [prepared(model, 1)];
        const { ops, bytes } = await expectSame(model, input);
        using back = await importOnnx(bytes);
        const shapes = (link: Link) => [...link.namedparams()].map(([path, { shape }]) => [path, shape]);
        expect(shapes(back), 'names and shapes of what comes back').to.have.deep.members(shapes(model));
        await expectSame(model, input, { runtime: 'web' });
        const heads = model.multibox.cells.length * 2;
        expect(histogram(ops)['Transpose'] ?? 0).to.be.at.most(heads + 1);
      });

      it('finds the same in a picture, in one graph', async () => {
        const face = model instanceof SSDMobileNetV1Face;
        const mobile = model instanceof SSDMobileNetV2;
        const picture: Image<Uint8Array> =
          face || mobile
            ? await readPhoto(face ? 'wide, large, many faces' : 'wide, large')
            : { data: channelsLast(imageU8('onnx', 3, 240, 410), [3, 240, 410]), shape: [240, 410, 3] };
        // Drawn weights are unsure of everything.
        const options = face ? {} : mobile ? { scoreThresh: 0.1 } : { scoreThresh: 0.3, nmsThresh: 0.45 };
        const { found } = await expectDetections(model, picture, options, 'native');
        expect(found).to.be.greaterThan(0);
        if (face || mobile) await expectDetections(model, picture, options, 'web');
      });
    });
  }

  it('finds nothing where nothing is sure, and keeps all without a limit of overlap', async () => {
    using model = await (makers['SSDMobileNetV2']!() as Promise<SSDMobileNetV2>);
    const picture = await readPhoto('wide, small');
    const found = async (options: PredictOptions) =>
      (await expectDetections(model, picture, options, 'native')).found;
    expect(await found({ scoreThresh: 0.999 })).to.equal(0);
    const all = await found({ scoreThresh: 0.2, nmsThresh: null });
    expect(all).to.be.greaterThan(await found({ scoreThresh: 0.2 }));
  });

  it('tells what goes in and out', async () => {
    using model = await (makers['SSDMobileNetV2']!() as Promise<SSDMobileNetV2>);
    const { metadataProps, graph, docString } = modelOf(
      await exportOnnx(model, ...onnxOfDetector(model, { postprocess: true })),
    );
    const told = Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]));
    expect(JSON.parse(told['class_names']!)).to.deep.equal(model.labelNames);
    expect(told['input_range']).to.equal('[0,255]');
    expect(docString).to.match(/uint8.*boxes/);
    expect(graph!.input.map(({ name }) => name)).to.deep.equal(['image']);
    expect(graph!.output.map(({ name }) => name)).to.deep.equal(['boxes', 'labels', 'scores']);
  });
});

describe('exportOnnx of VGG16', () => {
  before(() => useBackend('wasm'));

  it('has the operators that it cannot do without, and hardly more bytes than its weights', async () => {
    using model = fill(new VGG16(), 'vgg16_params', 224);
    const bytes = await exportOnnx(model, [[1, 224, 224, 3]]);
    const ops = histogram(modelOf(bytes).graph!.node.map(({ opType }) => opType));
    expect(ops).to.deep.equal({ Conv: 13, Relu: 15, MaxPool: 5, Reshape: 1, Gemm: 3, Softmax: 1 });
    expect(bytes.length - 4 * model.countParams()).to.be.within(0, 16_000);
    const input = floats([1, 224, 224, 3]);
    const image = { ...input, data: input.data.map((value) => value * 128) };
    const nchw = { ...image, shape: [1, 3, 224, 224], data: planes(image.data, 224 * 224) };
    const here = await callHere(model, [image]);
    for (const runtime of ['native', 'web'] as const) {
      const { output } = await callRuntime(bytes, [nchw], runtime);
      expectClose(output!.data, here[0]!.data, 1e-5, runtime);
    }
  });
});

/** Pixels of three channels as three planes. */
const planes = (data: ArrayLike<number>, pixels: number) =>
  Float32Array.from({ length: pixels * 3 }, (_, i) => data[(i % pixels) * 3 + Math.floor(i / pixels)]!);
