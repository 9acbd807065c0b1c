import {
  chainerCachePath,
  completeArguments,
  openWeights,
  PretrainedArgumentError,
  type PretrainedTable,
  pretrained,
  type Rgb,
} from '@chaingrad/weights';
import { expect } from 'chai';
import { findPretrained } from '../../packages/weights/src/pretrained.ts';

const { SSD300, SSD512, VGG16 } = pretrained;
const ssd = (nFgClass: number | null = null) => ({ nFgClass });
const vgg = (nClass: number | null = null, mean: Rgb | null = null) => ({ nClass, mean });
const imagenetMean = [123.68, 116.779, 103.939];

describe('the table of pretrained models', () => {
  it("has ChainerCV's, the default first", () => {
    const rows = Object.entries({ SSD300, SSD512, VGG16 }).flatMap(([model, table]) =>
      Object.entries(table).map(([name, entry]) => {
        const { source, match, overwritable, labelNames, ...args } = {
          match: 'exact',
          overwritable: [],
          labelNames: [],
          ...entry,
        };
        expect(labelNames).to.have.length(name === 'voc0712' ? 20 : 0);
        expect(source.kind).to.equal('chainercv');
        return [model, name, source.file, match, overwritable, args];
      }),
    );
    const imagenet = 'ssd_vgg16_imagenet_converted_2017_06_09.npz';
    expect(rows).to.deep.equal([
      ['SSD300', 'voc0712', 'ssd300_voc0712_converted_2017_06_06.npz', 'exact', [], { nFgClass: 20 }],
      ['SSD300', 'imagenet', imagenet, 'common', [], {}],
      ['SSD512', 'voc0712', 'ssd512_voc0712_converted_2017_06_06.npz', 'exact', [], { nFgClass: 20 }],
      ['SSD512', 'imagenet', imagenet, 'common', [], {}],
      [
        'VGG16',
        'imagenet',
        'vgg16_imagenet_converted_2017_07_18.npz',
        'exact',
        ['mean'],
        { nClass: 1000, mean: imagenetMean },
      ],
    ]);
  });

  it('has the files of packages with length and digest, so that a CDN need not be trusted', () => {
    for (const [model, table] of Object.entries(pretrained)) {
      for (const { source } of Object.values(table)) {
        if (source.kind !== 'npm') continue;
        expect(source.version, model).to.match(/^\d/);
        for (const { bytes, sha256 } of source.files) {
          expect(bytes).to.be.above(1000);
          expect(sha256).to.match(/^[0-9a-f]{64}$/);
        }
      }
    }
  });

  it('finds entries by class and name, by the name on the command line, and by the name in a table', () => {
    expect(findPretrained('SSD300/voc0712')).to.equal(SSD300.voc0712);
    expect(findPretrained('ssd-mobilenet-v2-oid')).to.equal(pretrained.SSDMobileNetV2.oid);
    expect(findPretrained('ssd-mobilenet-v1-face')).to.equal(pretrained.SSDMobileNetV1Face.face);
    expect(findPretrained('voc0712', SSD300)).to.equal(SSD300.voc0712);
    for (const name of [
      'voc0712',
      'SSD300',
      'SSD300/',
      '/',
      '',
      'toString',
      'SSD300/toString',
      '__proto__/x',
    ]) {
      expect(findPretrained(name), name).to.equal(null);
    }
    expect(findPretrained('toString', SSD300)).to.equal(null);
  });

  it('opens an entry of an installed package by its name, of the part that is the weights', async () => {
    await using file = await openWeights('ssd-mobilenet-v2-oid', { cache: false });
    expect(file.format).to.equal('tflite');
    expect(file.keys().length).to.be.above(100);
    await using face = await openWeights('SSDMobileNetV1Face/face', { cache: false });
    expect(face.format).to.equal('tfjs');
    expect(face.keys()).to.have.length(151);
    expect(chainerCachePath('x.npz')).to.include('chainercv');
  });
});

describe('completeArguments', () => {
  it('takes from the table what is missing, and lets the same be said', () => {
    expect(completeArguments(ssd(), 'voc0712', SSD300)).to.deep.equal({ nFgClass: 20 });
    expect(completeArguments(ssd(20), 'voc0712', SSD512)).to.deep.equal({ nFgClass: 20 });
    expect(completeArguments(ssd(3), 'imagenet', SSD300)).to.deep.equal({ nFgClass: 3 });
    expect(completeArguments(vgg(), 'imagenet', VGG16)).to.deep.equal({ nClass: 1000, mean: imagenetMean });
  });

  it('lets an overwritable argument differ', () => {
    expect(completeArguments(vgg(null, [1, 2, 3]), 'imagenet', VGG16)).to.deep.equal({
      nClass: 1000,
      mean: [1, 2, 3],
    });
  });

  it('compares lists by their values', () => {
    const models: PretrainedTable<{ mean: readonly number[] }> = { a: { source: 'a.npz', mean: [1, 2, 3] } };
    expect(completeArguments({ mean: [1, 2, 3] }, 'a', models).mean).to.deep.equal([1, 2, 3]);
    expect(() => completeArguments({ mean: [1, 2, 4] }, 'a', models)).to.throw(
      PretrainedArgumentError,
      'mean must be (1, 2, 3), got (1, 2, 4)',
    );
  });

  it('refuses a contradiction', () => {
    const attempt = () => completeArguments(ssd(21), 'voc0712', SSD300);
    expect(attempt).to.throw(PretrainedArgumentError, 'nFgClass must be 20, got 21').that.includes({
      argument: 'nFgClass',
      expected: 20,
      got: 21,
    });
    expect(() => completeArguments(vgg(10), 'imagenet', VGG16)).to.throw(
      PretrainedArgumentError,
      'nClass must be 1000',
    );
  });

  it('takes defaults when no weights fix the argument, and else asks for it', () => {
    const defaults = { nClass: 1000, mean: [1, 2, 3] as const };
    expect(completeArguments(vgg(10), null, VGG16, defaults)).to.deep.equal({ nClass: 10, mean: [1, 2, 3] });
    expect(() => completeArguments(vgg(), './x.npz', VGG16)).to.throw(
      PretrainedArgumentError,
      'nClass must be specified',
    );
    for (const name of [null, '', 'imagenet', './file.npz']) {
      expect(() => completeArguments(ssd(), name, SSD300)).to.throw(
        PretrainedArgumentError,
        'nFgClass must be specified. Give it, or choose pretrained weights that imply it: voc0712.',
      );
    }
  });
});
