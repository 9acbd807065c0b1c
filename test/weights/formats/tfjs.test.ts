import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FormatError, type NamedArray, readArray } from '@chaingrad/core';
import { DownloadError, openWeights, SourceError } from '@chaingrad/weights';
import { expect } from 'chai';
import { readTfjsManifest, tfjsShardPaths } from '../../../packages/weights/src/formats/tfjs-manifest.ts';
import { rejection } from '../../support/errors.ts';
import { fixturePath, readJson } from '../../support/goldens.ts';
import { WeightsServer } from '../weights-server.ts';

const read = (path: string) => new Uint8Array(readFileSync(path));
const faceApi = dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json'));
const f32 = (...values: number[]) => new Uint8Array(new Float32Array(values).buffer);
const weight = (name: string, shape: unknown = [2], more: object = {}) => ({
  name,
  shape,
  dtype: 'float32',
  ...more,
});
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const group = (...weights: object[]) => ({ paths: ['a.bin'], weights });

describe('readTfjsManifest', () => {
  it('reads the 151 quantized tensors of the face detector', () => {
    const manifest: unknown = JSON.parse(
      readFileSync(join(faceApi, 'model/ssd_mobilenetv1_model-weights_manifest.json'), 'utf8'),
    );
    const arrays = readTfjsManifest(manifest, [read(join(faceApi, 'model/ssd_mobilenetv1_model.bin'))]);
    expect(arrays.size).to.equal(151);
    const shapes: [string, number[]][] = [
      ['MobilenetV1/Conv2d_0_pointwise/weights', [3, 3, 3, 32]],
      ['MobilenetV1/Conv2d_0_pointwise/convolution_bn_offset', [32]],
      ['MobilenetV1/Conv2d_13_depthwise/depthwise_weights', [3, 3, 1024, 1]],
      ['MobilenetV1/Conv2d_13_depthwise/BatchNorm/moving_variance', [1024]],
      ['Prediction/Conv2d_1_pointwise/weights', [3, 3, 256, 512]],
      ['Prediction/BoxPredictor_0/BoxEncodingPredictor/weights', [1, 1, 512, 12]],
      ['Prediction/BoxPredictor_5/ClassPredictor/biases', [18]],
    ];
    for (const [name, shape] of shapes) {
      const array = arrays.get(name)!;
      expect(array.shape, name).to.deep.equal(shape);
      expect(array.dtype).to.equal('float32');
    }
    // A variance is positive, and a batch normalization's scale is near 1: values in the wrong order would show.
    expect(
      Math.min(...numbers(arrays, 'MobilenetV1/Conv2d_1_depthwise/BatchNorm/moving_variance')),
    ).to.be.at.least(0);
    const graph = [...arrays.values()].filter(({ dtype }) => dtype === 'int32');
    expect(graph).to.have.length(15);
    // A constant of the graph whose meaning is known: the input's size.
    expect(numbers(arrays, 'Preprocessor/ResizeImage/size')).to.deep.equal([512, 512]);
  });

  it("reads Tiny VGG's float32 weights from its model.json", () => {
    const arrays = readTfjsManifest(readJson('tinyvgg/model.json'), [
      read(fixturePath('tinyvgg/group1-shard1of1.bin')),
    ]);
    expect([...arrays.keys()].slice(0, 2)).to.deep.equal(['conv_1_1/kernel', 'conv_1_1/bias']);
    expect(arrays.get('output/kernel')!.shape).to.deep.equal([1690, 10]);
    expect([...arrays.values()].reduce((n, { data }) => n + data!.length, 0)).to.equal(79_680 / 4);
  });

  it('joins shards, also in the middle of a number, and counts groups of shards', () => {
    const bytes = f32(1, 2, 3, 4);
    const manifest = [
      { paths: ['1', '2', '3'], weights: [weight('a'), weight('b', [2, 1])] },
      { paths: ['4'], weights: [weight('c', [])] },
    ];
    const shards = [bytes.slice(0, 3), bytes.slice(3, 9), bytes.slice(9), f32(5)];
    expect(tfjsShardPaths(manifest)).to.deep.equal(['1', '2', '3', '4']);
    const arrays = readTfjsManifest(manifest, shards);
    expect(arrays.get('a')).to.deep.equal({ shape: [2], dtype: 'float32', data: new Float32Array([1, 2]) });
    expect(arrays.get('b')).to.deep.equal({
      shape: [2, 1],
      dtype: 'float32',
      data: new Float32Array([3, 4]),
    });
    expect(arrays.get('c')).to.deep.equal({ shape: [], dtype: 'float32', data: new Float32Array([5]) });
  });

  it('reads every kind of value', () => {
    const quantization = (dtype: string, scale: number, min: number) => ({
      quantization: { dtype, scale, min },
    });
    const manifest = [
      group(
        weight('u8', [3], quantization('uint8', 0.1, -1)),
        weight('f16', [2], { quantization: { dtype: 'float16' } }),
        weight('i32', [2], { dtype: 'int32' }),
        weight('flags', [2], { dtype: 'bool' }),
        weight('bytes', [2], { dtype: 'uint8' }),
        weight('u16', [2], quantization('uint16', 0.5, 3)),
        weight('whole', [2], { dtype: 'int32', ...quantization('uint8', 0.7, 0) }),
        weight('large', [1], { dtype: 'int32', ...quantization('uint8', 1, 123456789) }),
      ),
    ];
    const bytes = [
      0, 10, 255, 0x00, 0x3c, 0x00, 0xc1, 7, 0, 0, 0, 254, 255, 255, 255, 1, 0, 9, 8, 1, 0, 255, 255, 1, 2, 1,
    ];
    const arrays = readTfjsManifest(manifest, [Uint8Array.from(bytes)]);
    expect(numbers(arrays, 'u8')).to.deep.equal([-1, 0, Math.fround(24.5)]);
    expect(numbers(arrays, 'f16')).to.deep.equal([1, -2.5]);
    expect(arrays.get('i32')).to.deep.equal({ shape: [2], dtype: 'int32', data: new Int32Array([7, -2]) });
    expect(arrays.get('flags')).to.deep.equal({ shape: [2], dtype: 'bool', data: new Uint8Array([1, 0]) });
    expect(arrays.get('bytes')).to.deep.equal({ shape: [2], dtype: 'uint8', data: new Uint8Array([9, 8]) });
    expect(numbers(arrays, 'u16')).to.deep.equal([3.5, 32770.5]);
    expect(arrays.get('whole')).to.deep.equal({ shape: [2], dtype: 'int32', data: new Int32Array([1, 1]) });
    expect(numbers(arrays, 'large')).to.deep.equal([123456790]);
  });

  const quantized = (quantization: unknown, more: object = {}) => [
    group(weight('a', [2], { quantization, ...more })),
  ];
  const wrong: [string, unknown, Uint8Array<ArrayBuffer>[], RegExp][] = [
    ['nothing', undefined, [], /weights manifest/],
    ['an object without a manifest', {}, [], /weights manifest/],
    ['groups that are no objects', [3], [], /'paths'/],
    ['groups without weights', [{ paths: [] }], [], /'weights'/],
    ['weights that are null', [group(null as never)], [f32()], /'name'/],
    ['weights without a name', [group({ shape: [], dtype: 'float32' })], [f32(1)], /'name'/],
    ['a shape that is no list', [group(weight('a', 2))], [f32(1, 2)], /'shape'/],
    ['a shape of texts', [group(weight('a', ['2']))], [f32(1, 2)], /'shape'/],
    ['a negative dimension', [group(weight('a', [-2]))], [f32(1, 2)], /integers/],
    ['a shape whose product overflows', [group(weight('a', [2 ** 40, 2 ** 40]))], [f32(1)], /memory/],
    ['a shape larger than the shard', [group(weight('a', [1e12]))], [f32(1)], /4000000000000 bytes at 0/],
    ['a shard with more values than named', [group(weight('a'))], [f32(1, 2, 3)], /8 bytes in a\.bin/],
    ['a name twice', [group(weight('a'), weight('a'))], [f32(1, 2, 3, 4)], /twice/],
    ['too few shards', [group(weight('a'))], [], /1 shards/],
    ['too many shards', [group(weight('a'))], [f32(1, 2), f32()], /1 shards/],
    ['strings', [group(weight('a', [2], { dtype: 'string' }))], [f32(1, 2)], /element type/],
    [
      'an element type of Object.prototype',
      [group(weight('a', [2], { dtype: 'toString' }))],
      [f32(1, 2)],
      /type/,
    ],
    ['quantized values without a scale', quantized({ dtype: 'uint8', min: 0 }), [f32()], /'scale'/],
    ['a scale that is no number', quantized({ dtype: 'uint8', min: 0, scale: 'x' }), [f32()], /'scale'/],
    ['an unknown quantization', quantized({ dtype: 'int4', min: 0, scale: 1 }), [f32()], /quantization/],
    [
      'quantized booleans',
      quantized({ dtype: 'uint8', min: 0, scale: 1 }, { dtype: 'bool' }),
      [f32()],
      /quantiz/,
    ],
    [
      'quantized integers beyond 32 bits',
      quantized({ dtype: 'uint16', min: 1e10, scale: 1 }, { dtype: 'int32' }),
      [f32(1)],
      /32 bits/,
    ],
  ];
  for (const [what, manifest, shards, message] of wrong) {
    it(`refuses ${what}`, () => {
      const attempt = () => readTfjsManifest(manifest, shards, 'evil.json');
      expect(attempt).to.throw(FormatError, message).with.property('file', 'evil.json');
    });
  }

  for (const path of [
    '/etc/passwd',
    '../x.bin',
    'a/../../x.bin',
    'a\\..\\x',
    '\\\\host\\x',
    'http://x.org/a',
    'file:///a',
    'C:\\a',
    3,
  ]) {
    it(`refuses the path ${path}, which is not beside the manifest`, () => {
      expect(() => tfjsShardPaths([{ paths: [path], weights: [] }])).to.throw(FormatError, 'beside');
    });
  }
});

describe('openWeights of a manifest', () => {
  it('finds the shards beside the manifest, by path and by file: URL', async () => {
    for (const source of [
      fixturePath('tinyvgg/model.json'),
      pathToFileURL(fixturePath('tinyvgg/model.json')),
      pathToFileURL(fixturePath('tinyvgg/model.json')).href,
    ]) {
      await using file = await openWeights(source);
      expect(file.format).to.equal('tfjs');
      expect(file.keys()).to.have.length(10);
    }
  });

  describe('on a server', () => {
    let server: WeightsServer;
    before(async () => {
      server = await WeightsServer.start();
      const files = new Map<string, Uint8Array>([
        ['model.json', json([{ paths: ['a.bin', 'parts/b.bin'], weights: [weight('a')] }])],
        ['a.bin', f32(1)],
        ['parts/b.bin', f32(2)],
        ['bad.json', new TextEncoder().encode('{"weightsManifest": [')],
        ['gone.json', json([group(weight('a')), { paths: ['no.bin'], weights: [] }])],
      ]);
      for (const [path, body] of files) server.serve(`m/${path}`, { body });
      // The query goes to the shards, too, as a token must; most servers pass over it.
      for (const path of ['model.json', 'a.bin', 'parts/b.bin'])
        server.serve(`m/${path}?v=1/2`, { body: files.get(path)! });
    });
    after(() => server.stop());

    it('finds them by address, in folders too, whatever the query is', async () => {
      const base = `${server.url}m`;
      for (const source of [`${base}/model.json?v=1/2`, new URL(`${base}/model.json`)]) {
        await using file = await openWeights(source, { cache: false });
        expect([...((await readArray(file, 'a')).data as Float32Array)]).to.deep.equal([1, 2]);
      }
      await rejection(openWeights(`${base}/bad.json`, { cache: false }), FormatError);
      const missing = await rejection(openWeights(`${base}/gone.json`, { cache: false }), DownloadError);
      expect(missing).to.have.property('url', `${base}/no.bin`);
    });

    it('stops when told', async () => {
      const control = new AbortController();
      const onProgress = () => control.abort(new Error('enough'));
      const options = { signal: control.signal, onProgress, cache: false } as const;
      const asked = server.requests.length;
      const error = await rejection(openWeights(`${server.url}m/model.json`, options));
      expect(error).to.have.property('message', 'enough');
      expect(server.requests).to.have.length(asked + 1);
    });
  });

  it('says which shard is missing, where it is told of files alone', async () => {
    const manifest = new File([json([group(weight('a'))])], 'model.json');
    const other = new File([f32(1, 2)], 'b.bin');
    const alone = await rejection(openWeights(manifest), SourceError);
    expect(alone.message).to.match(/shard a\.bin.*list of Files/);
    expect((await rejection(openWeights([manifest, other]), SourceError)).message).to.match(/shard a\.bin/);
    await using file = await openWeights([manifest, other, new File([f32(3, 4)], 'a.bin')]);
    expect([...((await readArray(file, 'a')).data as Float32Array)]).to.deep.equal([3, 4]);
  });
});

function numbers(arrays: ReadonlyMap<string, NamedArray>, name: string): number[] {
  return Array.from(arrays.get(name)!.data as Float32Array | Int32Array);
}
