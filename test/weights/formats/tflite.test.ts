import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { FormatError } from '@chaingrad/core';
import { readBytes, readTflite, type TfliteConvolution, type TfliteModel } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import sharp from 'sharp';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { fixturePath } from '../../support/goldens.ts';
import {
  buildFlatbuffer,
  bytes,
  type Field,
  int8,
  int32,
  int32s,
  type Table,
  table,
  tables,
  text,
  uint8,
  uint32,
} from './flatbuffer-builder.ts';

const assets = createRequire(import.meta.url).resolve(
  '@mediapipe/objectron/objectron_solution_packed_assets.data',
);

describe('readTflite: SSD MobileNetV2 of @mediapipe/objectron', () => {
  let model: TfliteModel;

  before(async () => {
    model = readTflite(await readBytes(assets, { range: { start: 184, end: 9_987_912 } }), 'objectron');
  });

  it('finds every convolution in the order of execution', () => {
    expect(model.inputs.map(({ shape }) => shape)).to.deep.equal([[1, 300, 300, 3]]);
    expect(model.outputs.map(({ shape }) => shape)).to.deep.equal([
      [1, 1917, 4],
      [1, 1917, 24],
    ]);
    const layers = model.convolutions.map(layerOf);
    const block = (i: number) => [
      `expanded_conv_${i}/expand`,
      `expanded_conv_${i}/depthwise`,
      `expanded_conv_${i}/project`,
    ];
    const heads = (i: number) => [
      `BoxPredictor_${i}/BoxEncodingPredictor`,
      `BoxPredictor_${i}/ClassPredictor`,
    ];
    const extras = [
      [2, 256, 512],
      [3, 128, 256],
      [4, 128, 256],
      [5, 64, 128],
    ] as const;
    expect(layers).to.deep.equal([
      'Conv',
      'expanded_conv/depthwise',
      'expanded_conv/project',
      ...Array.from({ length: 12 }, (_, i) => block(i + 1)).flat(),
      block(13)[0],
      ...heads(0),
      ...block(13).slice(1),
      ...[14, 15, 16].flatMap(block),
      'Conv_1',
      ...heads(1),
      ...extras.flatMap(([i, thin, wide]) => [
        `layer_19_1_Conv2d_${i}_1x1_${thin}`,
        `layer_19_2_Conv2d_${i}_3x3_s2_${wide}`,
        ...heads(i),
      ]),
    ]);
  });

  it('reads shapes, strides, padding and activations', () => {
    const [conv0, depthwise, project] = model.convolutions as [
      TfliteConvolution,
      TfliteConvolution,
      TfliteConvolution,
    ];
    expect(conv0).to.deep.include({
      kind: 'conv',
      stride: [2, 2],
      dilation: [1, 1],
      padding: 'same',
      activation: 'relu6',
    });
    expect(conv0.weights.shape).to.deep.equal([32, 3, 3, 3]);
    expect(conv0.bias?.shape).to.deep.equal([32]);
    expect(depthwise).to.deep.include({ kind: 'depthwise', stride: [1, 1], activation: 'relu6' });
    expect(depthwise.weights.shape).to.deep.equal([1, 3, 3, 32]);
    expect(project).to.deep.include({ kind: 'conv', activation: 'none' });
    const count = model.convolutions.reduce(
      (n, { weights, bias }) => n + weights.data.length + bias!.data.length,
      0,
    );
    expect(count).to.equal(4_951_996);
  });

  it('turns float16 into finite float32 values', () => {
    for (const { name, weights, bias } of model.convolutions) {
      for (const { dtype, data } of [weights, bias!]) {
        expect(dtype).to.equal('float32');
        expect(data.every(Number.isFinite), name).to.equal(true);
      }
    }
  });

  describeBackends("gives the outputs of TFLite's own interpreter", () => {
    it('for a photo of a cat', async () => {
      const { data, info } = await sharp(fixturePath('images/chelsea.png'))
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      const [loc, conf] = tf.tidy(() => {
        const image = tf.tensor3d(new Uint8Array(data), [info.height, info.width, 3], 'float32');
        const resized = tf.image.resizeBilinear(image, [300, 300], false, true);
        return run(model.convolutions, tf.expandDims(tf.sub(tf.div(resized, 127.5), 1)) as tf.Tensor4D);
      });
      for (const [name, out] of [
        ['box_encodings', loc],
        ['class_predictions', conf],
      ] as const) {
        const golden = readFileSync(fixturePath(`goldens/zoo/tfl_chelsea.png.raw_outputs_${name}.f32`));
        expectClose(await out!.data(), new Float32Array(new Uint8Array(golden).buffer), 1e-4, name);
        out!.dispose();
      }
    });
  }, ['wasm']);
});

/** The layer's own part of a name that TFLite's converter joined with others. */
function layerOf({ name }: TfliteConvolution): string {
  const path = name.split(';')[0]!.replace(/^FeatureExtractor\/MobilenetV2\//, '');
  return path.replace(/\/(Relu6|BiasAdd|BatchNorm\/FusedBatchNormV3)$/, '');
}

/** The whole network, straight from the order of its convolutions. */
function run(convolutions: readonly TfliteConvolution[], input: tf.Tensor4D): [tf.Tensor2D, tf.Tensor2D] {
  const queue = [...convolutions];
  const conv = (x: tf.Tensor4D): tf.Tensor4D => {
    const { kind, weights, bias, stride, padding, activation } = queue.shift()!;
    const filter = tf.tensor4d(weights.data, weights.shape as [number, number, number, number]);
    const y =
      kind === 'conv'
        ? tf.conv2d(x, tf.transpose(filter, [1, 2, 3, 0]), [...stride], padding)
        : tf.depthwiseConv2d(x, tf.transpose(filter, [1, 2, 3, 0]), [...stride], padding);
    const biased = tf.add(y, tf.tensor1d(bias!.data)) as tf.Tensor4D;
    return activation === 'relu6' ? tf.relu6(biased) : biased;
  };
  const outputs: [tf.Tensor2D[], tf.Tensor2D[]] = [[], []];
  const heads = (x: tf.Tensor4D) => {
    outputs[0].push(tf.reshape(conv(x), [-1, 4]));
    outputs[1].push(tf.reshape(conv(x), [-1, 24]));
  };
  let x = conv(input);
  for (let block = 0; block < 17; block++) {
    const before = x;
    if (block > 0) x = conv(x);
    if (block === 13) heads(x);
    x = conv(conv(x));
    if (tf.util.arraysEqual(before.shape, x.shape)) x = tf.add(before, x);
  }
  x = conv(x);
  heads(x);
  for (let extra = 0; extra < 4; extra++) {
    x = conv(conv(x));
    heads(x);
  }
  return [tf.concat(outputs[0]), tf.concat(outputs[1])];
}

describe('readTflite: files made by hand', () => {
  const floats = (...values: number[]) => bytes(new Uint8Array(new Float32Array(values).buffer));
  const tensor = (shape: number[], type: number, buffer: number, name: string): Table => ({
    0: int32s(...shape),
    1: int8(type),
    2: uint32(buffer),
    3: text(name),
  });

  interface Parts {
    identifier?: string;
    graphs?: number;
    weights?: Table;
    bias?: Table;
    values?: Field;
    inputs?: Field;
    code?: Table;
    graphInputs?: Field;
    options?: Table;
    optionsType?: number;
  }

  /** One 1x2 convolution with two input channels and one output, stride (3, 2), dilation (5, 4), relu. */
  function build(parts: Parts = {}): Uint8Array<ArrayBuffer> {
    const options = parts.options ?? {
      0: int8(1),
      1: int32(2),
      2: int32(3),
      3: int8(1),
      4: int32(4),
      5: int32(5),
    };
    const operator: Table = {
      1: parts.inputs ?? int32s(0, 1, 2),
      2: int32s(3),
      3: uint8(parts.optionsType ?? 1),
      4: table(options),
    };
    const graph: Table = {
      0: tables(
        tensor([1, 9, 9, 2], 0, 0, 'x'),
        parts.weights ?? tensor([1, 1, 2, 2], 0, 1, 'w'),
        parts.bias ?? tensor([1], 0, 2, 'b'),
        tensor([1, 3, 4, 1], 0, 0, 'y'),
      ),
      1: parts.graphInputs ?? int32s(0),
      2: int32s(3),
      3: tables(operator),
    };
    return buildFlatbuffer(parts.identifier ?? 'TFL3', {
      1: tables(parts.code ?? { 3: int32(3) }),
      2: tables(...Array.from({ length: parts.graphs ?? 1 }, () => graph)),
      3: text('by hand'),
      4: tables({}, { 0: parts.values ?? floats(1, 2, 3, 4) }, { 0: floats(0.5) }),
    });
  }

  it('reads a float32 convolution', () => {
    expect(readTflite(build())).to.deep.equal({
      description: 'by hand',
      inputs: [{ name: 'x', shape: [1, 9, 9, 2] }],
      outputs: [{ name: 'y', shape: [1, 3, 4, 1] }],
      convolutions: [
        {
          kind: 'conv',
          name: 'y',
          weights: { shape: [1, 1, 2, 2], dtype: 'float32', data: new Float32Array([1, 2, 3, 4]) },
          bias: { shape: [1], dtype: 'float32', data: new Float32Array([0.5]) },
          stride: [3, 2],
          dilation: [5, 4],
          padding: 'valid',
          activation: 'relu',
        },
      ],
    });
  });

  it('reads a depthwise convolution, an operator code of the old kind, and no bias', () => {
    const [depthwise] = readTflite(
      build({
        code: { 0: int8(4) },
        optionsType: 2,
        options: { 0: int8(0), 1: int32(1), 2: int32(2), 3: int32(1), 4: int8(3), 5: int32(6), 6: int32(7) },
        inputs: int32s(0, 1, -1),
      }),
    ).convolutions;
    expect(depthwise).to.deep.include({
      kind: 'depthwise',
      bias: null,
      stride: [2, 1],
      dilation: [7, 6],
      padding: 'same',
      activation: 'relu6',
    });
  });

  it('leaves other operators alone', () => {
    expect(readTflite(build({ code: { 3: int32(22) } })).convolutions).to.deep.equal([]);
  });

  const wrong: [string, () => Uint8Array<ArrayBuffer>, RegExp][] = [
    ['nothing', () => new Uint8Array(0), /flatbuffer/],
    ['another format', () => build({ identifier: 'ARMN' }), /TFL3/],
    ['several subgraphs', () => build({ graphs: 2 }), /one subgraph/],
    ['integer weights', () => build({ weights: tensor([1, 1, 2, 2], 9, 1, 'w') }), /element type 9/],
    ['weights that are computed', () => build({ weights: tensor([1, 1, 2, 2], 0, 0, 'w') }), /computed/],
    ['weights in no buffer', () => build({ weights: tensor([1, 1, 2, 2], 0, 99, 'w') }), /a buffer among/],
    ['values of another length', () => build({ values: floats(1, 2, 3) }), /16 bytes/],
    ['a negative dimension', () => build({ weights: tensor([1, 1, -2, 2], 0, 1, 'w') }), /integers/],
    [
      'a shape whose product overflows',
      () => build({ weights: tensor(Array(9).fill(2 ** 30), 0, 1, 'w') }),
      /memory/,
    ],
    ['weights of rank 2', () => build({ weights: tensor([2, 2], 0, 1, 'w') }), /out, kh, kw, in/],
    ['a bias of another length', () => build({ bias: tensor([1, 1], 0, 2, 'b') }), /bias \(1\)/],
    ['a tensor that is not there', () => build({ inputs: int32s(0, 77) }), /number 77/],
    ['no inputs', () => build({ inputs: int32s() }), /number -1/],
    ['options of another operator', () => build({ optionsType: 5 }), /kind 5/],
    ['an activation that is not known', () => build({ options: { 3: int8(4) } }), /relu6/],
    ['a padding that is not known', () => build({ options: { 0: int8(7) } }), /padding/],
  ];
  for (const [what, make, message] of wrong) {
    it(`refuses ${what}`, () => {
      expect(() => readTflite(make(), 'evil.tflite'))
        .to.throw(FormatError, message)
        .with.property('file', 'evil.tflite');
    });
  }

  it('survives any damage: every byte changed, and every length cut', () => {
    const good = build();
    const attempt = (bytes: Uint8Array<ArrayBuffer>, what: string) => {
      try {
        readTflite(bytes);
      } catch (error) {
        expect(error, what).to.be.instanceOf(FormatError);
      }
    };
    for (let at = 0; at < good.length; at++) {
      for (const value of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
        attempt(Object.assign(good.slice(), { [at]: value }), `byte ${at} = ${value}`);
      }
      attempt(good.slice(0, at), `the first ${at} bytes`);
    }
  });

  it('refuses a small file that unfolds to a large one', () => {
    // 20,000 operators, all of them the same table with a list of 20,000 inputs: 400 million numbers.
    const many = int32s(...new Array(20_000).fill(0));
    const file = build({ inputs: many, graphInputs: many });
    const view = new DataView(file.buffer);
    const at = (position: number) => position + view.getUint32(position, true);
    const field = (position: number, n: number) =>
      position + view.getUint16(position - view.getInt32(position, true) + 4 + 2 * n, true);
    const graph = at(at(field(at(0), 2)) + 4);
    const operator = at(at(field(graph, 3)) + 4);
    // The list of the graph's inputs becomes the list of operators.
    const list = at(field(graph, 1));
    view.setUint32(field(graph, 3), list - field(graph, 3), true);
    for (let i = 0; i < 20_000; i++) {
      const slot = list + 4 + 4 * i;
      view.setUint32(slot, operator - slot, true);
    }
    expect(() => readTflite(file)).to.throw(FormatError, /over and over/);
  });
});
