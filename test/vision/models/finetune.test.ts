/** Fine-tuning by name between the real networks, against what the real Chainer's loop did. */
import {
  getShapeMismatchNames,
  MismatchError,
  StructureMismatchError,
  transferParams,
  useBackend,
  usingConfig,
  Zero,
} from '@chaingrad/core';
import { SSD300, SSD512, VGG16 } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { channelsLast, imageU8, readJson, readNpz } from '../../support/goldens.ts';
import { fillParams, type ParamRow } from '../../support/models.ts';

interface Finetune {
  readonly ignore_names: string[];
  readonly copied: string[];
  readonly vgg16_1000_to_10_ignore_names: string[];
  readonly ssd512_20_to_3_ignore_names: string[];
  readonly ssd512_to_ssd300: string[];
}

const insize = { SSD300: [1, 300, 300, 3], SSD512: [1, 512, 512, 3] };

describe('fine-tuning by name', () => {
  const golden = readJson<Finetune>('goldens/finetune.json');
  const models: { dispose(): void }[] = [];
  const made = <M extends { dispose(): void }>(model: M): M => {
    models.push(model);
    return model;
  };

  before(() => useBackend('wasm'));
  afterEach(() => {
    for (const model of models.splice(0)) model.dispose();
  });

  it('SSD300 20 -> 50 classes: the names, in order, the values, and the outputs before and after', async () => {
    const facts = readJson<{ input_key: string; src_params: ParamRow[]; dst_params: ParamRow[] }>(
      'goldens/finetune_forward.json',
    );
    const arrays = readNpz('goldens/finetune_forward.npz');
    const src = made(new SSD300({ nFgClass: 20 }));
    const dst = made(new SSD300({ nFgClass: 50 }));
    fillParams(src, facts.src_params);
    fillParams(dst, facts.dst_params);

    const pixels = channelsLast(imageU8(facts.input_key, 3, 300, 300), [3, 300, 300]);
    const mean = [123, 117, 104];
    const x = tf.tensor4d(
      Float32Array.from(pixels, (v, i) => v - mean[i % 3]!),
      [1, 300, 300, 3],
    );
    const check = async (when: 'before' | 'after') => {
      const outputs = usingConfig('train', false, () => dst.call(x));
      for (const [i, name] of (['mb_locs', 'mb_confs'] as const).entries()) {
        const values = await outputs[i]!.data<'float32'>();
        const scale = values.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
        const expected = arrays.get(`${when}/${name}/val`)!.data;
        arrays.get(`${when}/${name}/idx`)!.data.forEach((index, k) => {
          expect(values[index], `${when} ${name}[${index}]`).to.be.closeTo(expected[k]!, 2e-5 * scale);
        });
      }
      tf.dispose(outputs);
    };

    await check('before');
    expect(getShapeMismatchNames(src, dst)).to.deep.equal(golden.ignore_names);
    const report = transferParams(src, dst);
    expect(report.mismatched.map(({ name }) => name)).to.deep.equal(golden.ignore_names);
    expect(report.copied).to.deep.equal(golden.copied);
    await check('after');
    x.dispose();

    // Equal class counts: nothing differs.
    expect(getShapeMismatchNames(dst, dst)).to.deep.equal([]);
  });

  it('SSD512 20 -> 3 classes, SSD512 -> SSD300, and SSD300 -> SSD512, which lacks conv12', () => {
    const ssd300 = made(new SSD300({ nFgClass: 20 })).initialize(insize.SSD300);
    const ssd512 = made(new SSD512({ nFgClass: 20 })).initialize(insize.SSD512);
    const three = made(new SSD512({ nFgClass: 3 })).initialize(insize.SSD512);
    expect(getShapeMismatchNames(ssd512, three)).to.deep.equal(golden.ssd512_20_to_3_ignore_names);
    expect(getShapeMismatchNames(ssd512, ssd300)).to.deep.equal(golden.ssd512_to_ssd300);
    expect(() => getShapeMismatchNames(ssd300, ssd512)).to.throw(
      StructureMismatchError,
      '/extractor/conv12_1/W',
    );
    expect(() => transferParams(ssd300, ssd512, { match: 'exact' })).to.throw(
      MismatchError,
      '/extractor/conv12_1/W',
    );
    const report = transferParams(ssd300, ssd512);
    const missing = [...ssd512.namedparams()]
      .map(([path]) => path)
      .filter((path) => /conv12_|\/(conf|loc)\/6\//.test(path));
    expect(report.missingInSrc).to.deep.equal(missing);
    expect(report.mismatched.map(({ name }) => name)).to.deep.equal(golden.ssd512_to_ssd300);
  });

  it('VGG16 1000 -> 10 classes', () => {
    const options = { initialW: new Zero() };
    const src = made(new VGG16({ nClass: 1000, ...options })).initialize([1, 224, 224, 3]);
    const dst = made(new VGG16({ nClass: 10, ...options })).initialize([1, 224, 224, 3]);
    expect(getShapeMismatchNames(src, dst)).to.deep.equal(golden.vgg16_1000_to_10_ignore_names);
  });
});
