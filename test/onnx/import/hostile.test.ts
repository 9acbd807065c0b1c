import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FormatError, usingConfig } from '@chaingrad/core';
import {
  create,
  DataLocation,
  ElementType,
  importOnnx,
  OperatorError,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  UnsupportedOperatorError,
} from '@chaingrad/onnx';
import { SourceError } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../../support/backends.ts';
import { fuzz } from '../../weights/fuzz/fuzz.ts';
import { mutate } from '../../weights/fuzz/mutate.ts';
import { buildModel, floats, int64s, smallNetwork } from './model-builder.ts';

const refusal = async (promise: Promise<unknown>): Promise<Error> => {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected an error, got none');
};

/** Constants that fold: sizes, repetitions, a range. */
const folding = (size: number) =>
  buildModel({
    inputs: { x: [2, 2] },
    outputs: ['y'],
    initializers: {
      shape: int64s([size, 2]),
      zero: int64s([0], []),
      one: int64s([1], []),
      many: int64s([size], []),
      reps: int64s([size, 1]),
      'w.weight': floats([2, 2], [1, 2, 3, 4]),
    },
    nodes: [
      { op: 'ConstantOfShape', inputs: ['shape'], outputs: ['c'] },
      { op: 'Range', inputs: ['zero', 'many', 'one'], outputs: ['r'] },
      { op: 'ReduceSum', inputs: ['r'], outputs: ['s'], attributes: { keepdims: 0 } },
      { op: 'Cast', inputs: ['s'], outputs: ['f'], attributes: { to: 1 } },
      { op: 'Tile', inputs: ['c', 'reps'], outputs: ['t'] },
      { op: 'ReduceMax', inputs: ['t'], outputs: ['m'], attributes: { keepdims: 0 } },
      { op: 'MatMul', inputs: ['x', 'w.weight'], outputs: ['p'] },
      { op: 'Add', inputs: ['p', 'f'], outputs: ['q'] },
      { op: 'Add', inputs: ['q', 'm'], outputs: ['y'] },
    ],
  });

describe('ONNX files that cannot be trusted', () => {
  before(async () => {
    await useTestBackend('cpu');
  });

  it('give a network, a FormatError or the name of an operator when they are damaged', async () => {
    const before = tf.memory().numTensors;
    const result = await fuzz(
      {
        name: 'ONNX',
        seeds: [smallNetwork(), folding(3)],
        damage: mutate,
        async read(bytes) {
          try {
            using model = await importOnnx(bytes);
            const constants = [...model.program.constants.values()];
            const weights = [...model.params()].reduce((sum, param) => sum + 4 * param.size, 0);
            return constants.reduce((sum, { data }) => sum + data.byteLength, weights);
          } catch (error) {
            if (!(error instanceof UnsupportedOperatorError)) throw error;
            throw new FormatError({ file: 'bytes' }, 'known operators', 'others', '', error);
          }
        },
      },
      Number(process.env['CHAINGRAD_FUZZ'] ?? 400),
      1,
    );
    expect(result.failures).to.deep.equal([]);
    expect(result.accepted, 'damage that does no harm').to.be.greaterThan(20);
    expect(result.refused).to.be.greaterThan(20);
    expect(result.largest).to.be.lessThan(1 << 28);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('fold to no more than a budget, and say where they ask for more', async () => {
    using small = await importOnnx(folding(3));
    expect(small.program.steps.map((step) => step.kind === 'node' && step.node.op)).to.deep.equal([
      'MatMul',
      'Add',
      'Add',
    ]);
    using large = await importOnnx(folding(2 ** 40));
    expect([...large.program.constants.values()].every(({ data }) => data.length < 10)).to.equal(true);
    const x = tf.zeros([2, 2]);
    expect(() => usingConfig('train', false, () => large.call(x))).to.throw(
      OperatorError,
      /node '#\d' \((ConstantOfShape|Range)\): expected at most \d+ elements, got/,
    );
    x.dispose();
  });

  /** Nodes on constants, whose last value is `last`: what it is does not matter, only what it costs to find out. */
  const onConstants = (
    initializers: Record<string, TensorProto>,
    nodes: Parameters<typeof buildModel>[0]['nodes'],
    opset = 18,
  ) =>
    buildModel({
      opset,
      inputs: { x: [1] },
      outputs: ['y'],
      initializers,
      nodes: [
        ...nodes,
        { op: 'Cast', inputs: ['last'], outputs: ['_f'], attributes: { to: 1 } },
        { op: 'ReduceMax', inputs: ['_f'], outputs: ['_g'], attributes: { keepdims: 0 } },
        { op: 'Add', inputs: ['x', '_g'], outputs: ['y'] },
      ],
    });
  const zeros = { op: 'ConstantOfShape', inputs: ['shape'], outputs: ['c'] };
  const doubled = (shape: readonly number[]) =>
    onConstants(
      {
        c0: int64s(
          Array.from({ length: shape[0]! * shape[1]! }, () => 1),
          shape,
        ),
      },
      Array.from({ length: 60 }, (_, i) => ({
        op: 'Concat',
        inputs: [`c${i}`, `c${i}`],
        outputs: [i === 59 ? 'last' : `c${i + 1}`],
        attributes: { axis: 0 },
      })),
    );
  for (const [title, bytes] of Object.entries({
    'doubled sixty times': doubled([1, 4]),
    'doubled sixty times without having an element': doubled([1, 0]),
    'turned round by the million rows without an element': onConstants({ shape: int64s([2 ** 27, 0]) }, [
      zeros,
      { op: 'Transpose', inputs: ['c'], outputs: ['t'], attributes: { perm: [0, 1] } },
      { op: 'EyeLike', inputs: ['t'], outputs: ['last'] },
    ]),
    'of more axes than a network has': onConstants(
      { c: int64s([1], [1]), ones: int64s(new Array(100_000).fill(1)) },
      [
        { op: 'Reshape', inputs: ['c', 'ones'], outputs: ['r'] },
        { op: 'ReduceSum', inputs: ['r', 'ones'], outputs: ['last'], attributes: { keepdims: 1 } },
      ],
    ),
    'a unit matrix of 5000 x 5000, squared': onConstants({ shape: int64s([5000, 5000]) }, [
      zeros,
      { op: 'EyeLike', inputs: ['c'], outputs: ['e'] },
      { op: 'MatMul', inputs: ['e', 'e'], outputs: ['last'] },
    ]),
    'the determinant of a matrix': onConstants({ shape: int64s([3000, 3000]) }, [
      zeros,
      { op: 'EyeLike', inputs: ['c'], outputs: ['e'] },
      { op: 'Det', inputs: ['e'], outputs: ['last'] },
    ]),
    'the maximum of a large array and a thousand small ones': onConstants(
      { shape: int64s([100_000]), one: floats([1], [1]) },
      [zeros, { op: 'Max', inputs: ['c', ...new Array(1000).fill('one')], outputs: ['last'] }],
    ),
    'split into millions of parts': onConstants({ c: int64s([1]) }, [
      { op: 'Split', inputs: ['c'], outputs: ['last'], attributes: { axis: 0, num_outputs: 5_000_000 } },
    ]),
    'a bank of filters that lies beyond all frequencies': onConstants(
      {
        bands: int64s([2], []),
        length: int64s([4], []),
        rate: int64s([1], []),
        low: int64s([1], []),
        high: int64s([2 ** 50], []),
      },
      [{ op: 'MelWeightMatrix', inputs: ['bands', 'length', 'rate', 'low', 'high'], outputs: ['last'] }],
    ),
  })) {
    it(`are not computed with beyond their size: ${title}`, async () => {
      const before = tf.memory().numTensors;
      const { arrayBuffers } = process.memoryUsage();
      using network = await importOnnx(bytes);
      expect(process.memoryUsage().arrayBuffers - arrayBuffers).to.be.lessThan((1 << 20) + 64 * bytes.length);
      let elements = 0;
      for (const { data } of network.program.constants.values()) elements += data.length;
      expect(elements).to.be.lessThan(2 ** 16 + 8 * bytes.length);
      expect(tf.memory().numTensors).to.equal(before);
    });
  }

  it('still fold what integers stand for, however large the file is', async () => {
    const size = 1000;
    const dense = (dtype: ElementType, dims: readonly number[], rawData: Uint8Array<ArrayBuffer>) =>
      create(TensorProtoSchema, { dims: dims.map(BigInt), dataType: dtype, rawData });
    const bytes = buildModel({
      inputs: { x: [1, size] },
      outputs: ['y'],
      initializers: {
        q: dense(ElementType.INT8, [size, size], new Uint8Array(size * size).fill(2)),
        scale: floats([], [0.5]),
      },
      nodes: [
        { op: 'DequantizeLinear', inputs: ['q', 'scale'], outputs: ['w'] },
        { op: 'Transpose', inputs: ['w'], outputs: ['t'], attributes: { perm: [1, 0] } },
        { op: 'MatMul', inputs: ['x', 't'], outputs: ['y'] },
      ],
    });
    using network = await importOnnx(bytes);
    expect(network.program.steps).to.have.length(1);
    expect([...network.params()].map(({ shape }) => shape)).to.deep.equal([[size, size]]);
  });

  it('are refused where small parts would become large objects', async () => {
    const empty = (field: number) => {
      const parts = Uint8Array.from({ length: 200_000 }, (_, i) => (i % 2 === 0 ? field * 8 + 2 : 0));
      // 200,000 as a number of seven bits a byte.
      return Uint8Array.from([58, 192, 154, 12, ...parts]);
    };
    for (const field of [1, 5, 11]) {
      const error = await refusal(importOnnx(empty(field)));
      expect(error).to.be.instanceOf(FormatError);
      expect(error.message).to.match(/of at least \d bytes, got 0/);
    }
    const opsets = Uint8Array.from({ length: 200_000 }, (_, i) => (i % 2 === 0 ? 66 : 0));
    expect((await refusal(importOnnx(opsets))).message).to.match(/of 4 bytes or more/);
  });

  it('name some of the operators that are not imported, not all', async () => {
    const nodes = Array.from({ length: 1000 }, (_, i) => ({
      op: `Unknown${i}`,
      inputs: [i === 0 ? 'x' : `y${i - 1}`],
      outputs: [`y${i}`],
    }));
    const error = await refusal(importOnnx(buildModel({ inputs: { x: [1] }, outputs: ['y999'], nodes })));
    expect(error.message).to.match(/Nor are Unknown1, .* and 979 more/);
    expect(error.message.length).to.be.lessThan(1000);
  });

  it('are refused when they are no ONNX, cut off, or nested without end', async () => {
    const html = new TextEncoder().encode('<!DOCTYPE html><html><body>Not found</body></html>');
    for (const bytes of [html, new Uint8Array(), smallNetwork().subarray(0, 500)])
      expect(await refusal(importOnnx(new Uint8Array(bytes)))).to.be.instanceOf(FormatError);
    // A graph in an attribute of a node in a graph, four thousand times.
    let inner: number[] = [];
    const part = (field: number, content: number[]) => {
      const length: number[] = [];
      for (let n = content.length; ; n = Math.floor(n / 128)) {
        length.push(n >= 128 ? (n % 128) + 128 : n);
        if (n < 128) break;
      }
      return [field * 8 + 2, ...length, ...content];
    };
    for (let i = 0; i < 1000; i++) inner = part(1, part(5, part(6, inner)));
    const error = await refusal(importOnnx(Uint8Array.from(part(7, inner))));
    expect(error).to.be.instanceOf(FormatError);
    expect(error.message).to.match(/nested at most 64 deep/);
  });

  it('cost no more than their size when ten thousand names come to one path, or one name has as many parts', async () => {
    const separators = ['.', '/', ':', ' '];
    const names = Array.from({ length: 10_000 }, (_, i) => {
      const digits = i.toString(4).padStart(8, '0');
      return `a${[...digits].map((d) => separators[Number(d)]!).join('')}w`;
    });
    const long = Array.from({ length: 10_000 }, () => 'b').join('.');
    const bytes = buildModel({
      inputs: { x: [2] },
      outputs: [`y${names.length}`],
      initializers: Object.fromEntries([...names, long].map((name) => [name, floats([2], [1, 2])])),
      nodes: [...names, long].map((name, i) => ({
        op: 'Add',
        inputs: [i === 0 ? 'x' : `y${i - 1}`, name],
        outputs: [`y${i}`],
      })),
    });
    using model = await importOnnx(bytes);
    const paths = [...model.namedparams()].map(([path]) => path);
    expect(new Set(paths).size).to.equal(names.length + 1);
    expect(paths).to.include.members(['/a/w', '/a/w_1', '/a/w_9999']);
    expect(Math.max(...paths.map((path) => path.split('/').length))).to.equal(33);
  });

  it('are refused when values come from nowhere, or names are given twice', async () => {
    const network = (nodes: Parameters<typeof buildModel>[0]['nodes']) =>
      importOnnx(buildModel({ inputs: { x: [1] }, outputs: ['y'], nodes }));
    const loop = await refusal(
      network([
        { op: 'Relu', inputs: ['b'], outputs: ['y'] },
        { op: 'Relu', inputs: ['y'], outputs: ['b'] },
      ]),
    );
    expect(loop.message).to.match(/'#0': expected inputs that are given before, got 'b'/);
    const twice = await refusal(
      network([
        { op: 'Relu', inputs: ['x'], outputs: ['y'] },
        { op: 'Relu', inputs: ['x'], outputs: ['y'] },
      ]),
    );
    expect(twice.message).to.match(/outputs of new names/);
  });

  it('name the node whose operator is not imported', async () => {
    const error = await refusal(
      importOnnx(
        buildModel({
          inputs: { x: [1] },
          outputs: ['y'],
          nodes: [
            { op: 'Relu', inputs: ['x'], outputs: ['a'] },
            { op: 'StringNormalizer', name: '/head/Normalize', inputs: ['a'], outputs: ['b'] },
            { op: 'Loop', inputs: ['b'], outputs: ['y'] },
          ],
        }),
      ),
    );
    expect(error).to.be.instanceOf(UnsupportedOperatorError);
    expect((error as UnsupportedOperatorError).place).to.deep.equal({
      file: 'bytes',
      node: '/head/Normalize',
      operator: 'StringNormalizer',
    });
    expect(error.message).to.match(/Nor are Loop/);
  });

  describe('with arrays in other files', () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'chaingrad-onnx-'));
      await mkdir(join(folder, 'models', 'parts'), { recursive: true });
      const values = Float32Array.of(9, 9, 1, 2, 3, 4);
      await writeFile(join(folder, 'models', 'parts', 'w.bin'), new Uint8Array(values.buffer));
      await writeFile(join(folder, 'secret.bin'), new Uint8Array(values.buffer));
      await symlink(join(folder, 'secret.bin'), join(folder, 'models', 'link.bin'));
      await symlink('parts', join(folder, 'models', 'same'));
    });
    after(() => rm(folder, { recursive: true }));

    const external = (entries: Record<string, string>): TensorProto =>
      create(TensorProtoSchema, {
        dims: [2n, 2n],
        dataType: ElementType.FLOAT,
        dataLocation: DataLocation.EXTERNAL,
        externalData: Object.entries(entries).map(([key, value]) =>
          create(StringStringEntryProtoSchema, { key, value }),
        ),
      });
    const model = (entries: Record<string, string>) =>
      buildModel({
        inputs: { x: [1, 2] },
        outputs: ['y'],
        initializers: { 'fc.weight': external(entries) },
        nodes: [{ op: 'MatMul', inputs: ['x', 'fc.weight'], outputs: ['y'] }],
      });
    const open = async (entries: Record<string, string>) => {
      const path = join(folder, 'models', 'model.onnx');
      await writeFile(path, model(entries));
      return importOnnx(path);
    };

    it('reads them from below the folder of the model', async () => {
      for (const location of ['parts/w.bin', 'same/w.bin']) {
        using network = await open({ location, offset: '8', length: '16' });
        const [param] = network.params();
        expect([...(await param!.tensor.data())]).to.deep.equal([1, 2, 3, 4]);
      }
    });

    it('takes them from the caller where the model is no file', async () => {
      const bytes = model({ location: 'w.bin', length: '16' });
      expect((await refusal(importOnnx(bytes))).message).to.match(/Give the file: importOnnx/);
      const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
      using network = await importOnnx(bytes, { externalData: { 'w.bin': data } });
      const [param] = network.params();
      expect([...(await param!.tensor.data())]).to.deep.equal([1, 2, 3, 4]);
    });

    for (const location of [
      '../secret.bin',
      '/etc/passwd',
      'parts/../../secret.bin',
      'file:///etc/passwd',
      'https://example.org/w',
      'link.bin',
      'C:\\w.bin',
      '',
      'a\0b',
    ])
      it(`reads nothing from ${JSON.stringify(location)}`, async () => {
        const error = await refusal(open({ location, offset: '8', length: '16' }));
        expect(error).to.be.instanceOf(FormatError);
        expect(error.message).to.match(/below the model's folder/);
      });

    it('refuses sizes that the file does not have', async () => {
      const wrong: Record<string, string>[] = [
        { location: 'parts/w.bin', offset: '16', length: '16' },
        { location: 'parts/w.bin', offset: '-8' },
        { location: 'parts/w.bin', length: '1e3' },
        { location: 'parts/w.bin', length: '12' },
      ];
      for (const entries of wrong) expect(await refusal(open(entries))).to.be.instanceOf(FormatError);
      expect(await refusal(open({ location: 'parts/none.bin' }))).to.be.instanceOf(SourceError);
    });
  });
});
