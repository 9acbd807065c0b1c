/** Every reader that is fuzzed by coverage: those of weights, and what else reads files of strangers. */
import { readFileSync } from 'node:fs';
import { FormatError } from '@chaingrad/core';
import { importOnnx, importTfjs, importTflite, UnsupportedOperatorError } from '@chaingrad/onnx';
import { findLayout, memoryFiles, openLabelledFolder } from '@chaingrad/vision';
import { openWeights } from '@chaingrad/weights';
import { imageHeader } from '../../../packages/vision/src/image/image-header.ts';
import { floats, graphModel, ints, list, single, text, texts } from '../../onnx/import/graph-model.ts';
import { smallNetwork } from '../../onnx/import/model-builder.ts';
import { fixturePath } from '../../support/goldens.ts';
import { vocXml } from '../../vision/datasets/support.ts';
import { mutate } from '../../weights/fuzz/mutate.ts';
import { type FuzzTarget, fuzzTargets as ofWeights, smallTflite } from '../../weights/fuzz/targets.ts';

type Bytes = Uint8Array<ArrayBuffer>;
const utf8 = (value: string | object): Bytes =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

/** The head of a PNG of 8 x 8 pixels, with an orientation. */
const png = Uint8Array.from(
  Buffer.from(
    '89504e470d0a1a0a0000000d4948445200000008000000080802000000000000000000001a6558496649492a00080000000100120103000100000006000000000000000000000000',
    'hex',
  ),
);
const jpeg = Uint8Array.from(
  Buffer.from(
    'ffd8ffe100224578696600004949 2a000800000001001201030001000000060000000000000000ffc00011080008000803012200021101031101ffda'.replace(
      ' ',
      '',
    ),
    'hex',
  ),
);
const webp = Uint8Array.from(
  Buffer.from(
    '5249464626000000574542505650385819000000000000000700000700005650384c0d0000002f07c00100000000',
    'hex',
  ),
);

/** A graph-model with a layer, moves, and constants that fold: its JSON, and the bytes of its arrays. */
const smallGraph = graphModel({
  inputs: { image: { shape: [1, 4, 4, 2] } },
  constants: {
    W: floats(
      [3, 3, 2, 3],
      Array.from({ length: 54 }, (_, i) => (i % 7) / 7 - 0.4),
    ),
    b: floats([3], [0.1, 0.2, 0.3]),
    size: list(1, 16, 3),
    axis: single(1),
    pads: { dtype: 'int32', shape: [3, 2], values: [0, 0, 1, 1, 0, 0] },
    grid: floats(
      [16, 1],
      Array.from({ length: 16 }, (_, i) => i),
    ),
    times: list(1, 3),
  },
  nodes: {
    conv: {
      op: '_FusedConv2D',
      inputs: 'image W b',
      attr: { strides: ints(1, 1, 1, 1), padding: text('SAME'), fused_ops: texts('BiasAdd', 'Relu') },
    },
    flat: { op: 'Reshape', inputs: 'conv size' },
    tiled: { op: 'Tile', inputs: 'grid times' },
    sum: { op: 'AddV2', inputs: 'flat tiled' },
    joined: { op: 'ConcatV2', inputs: 'sum flat axis' },
    y: { op: 'Pad', inputs: 'joined pads' },
  },
  outputs: { y: 'y' },
});

/** What is refused for its operators is refused as what cannot be read is. */
async function importing(read: () => Promise<{ params(): Iterable<unknown> } & Disposable>): Promise<number> {
  try {
    using model = await read();
    return [...model.params()].length;
  } catch (error) {
    if (!(error instanceof UnsupportedOperatorError)) throw error;
    throw new FormatError({ file: 'bytes' }, 'known operators', 'others', '', error);
  }
}

/** Annotations of one picture, of 8 x 8 pixels, under the name that their format wants. */
const annotations = (
  name: string,
  path: string,
  seeds: readonly Bytes[],
  more: [string, Bytes][] = [],
): FuzzTarget => ({
  name,
  seeds,
  damage: mutate,
  async read(bytes) {
    const files = memoryFiles([['images/a.png', png], [path, bytes], ...more]);
    const { parts } = await findLayout(files);
    const decode = async () => ({ data: new Uint8Array(192), shape: [8, 8, 3] as const });
    const dataset = await openLabelledFolder(files, parts, { decode, onProblem: 'skip', keepEmpty: true });
    return dataset.records.reduce((n, { bbox }) => n + bbox.byteLength, 0);
  },
});

export const targets: readonly FuzzTarget[] = [
  ...ofWeights,
  {
    name: 'keras archive',
    seeds: [new Uint8Array(readFileSync(fixturePath('weights/keras3.keras')))],
    damage: mutate,
    async read(bytes) {
      await using file = await openWeights(bytes);
      for (const key of file.keys()) await file.info(key);
      return 0;
    },
  },
  {
    name: 'ONNX',
    seeds: [smallNetwork()],
    damage: mutate,
    read: (bytes) => importing(() => importOnnx(bytes)),
  },
  {
    name: 'graph-model of tfjs',
    seeds: [utf8(smallGraph.json)],
    damage: mutate,
    read: (bytes) =>
      importing(() =>
        importTfjs([new File([bytes], 'model.json'), new File([smallGraph.weights], 'group1-shard1of1.bin')]),
      ),
  },
  {
    name: 'TFLite network',
    seeds: [smallTflite()],
    damage: mutate,
    read: (bytes) => importing(() => importTflite(bytes)),
  },
  {
    name: 'headers of pictures',
    seeds: [png, jpeg, webp],
    damage: mutate,
    async read(bytes) {
      imageHeader(bytes);
      return 0;
    },
  },
  annotations('Pascal VOC', 'annotations/a.xml', [
    utf8(
      vocXml(8, 8, [
        ['cat', 1, 1, 4, 4],
        ['dog &amp; co', 2, 2, 8, 8],
      ]),
    ),
  ]),
  annotations('COCO', 'instances.json', [
    utf8({
      images: [{ id: 1, file_name: 'a.png', width: 8, height: 8 }],
      categories: [{ id: 3, name: 'cat' }],
      annotations: [{ id: 1, image_id: 1, category_id: 3, bbox: [1, 1, 3, 3], iscrowd: 0 }],
    }),
  ]),
  annotations('LabelMe', 'images/a.json', [
    utf8({
      imagePath: 'a.png',
      imageWidth: 8,
      imageHeight: 8,
      shapes: [
        {
          label: 'cat',
          shape_type: 'rectangle',
          points: [
            [1, 1],
            [4, 4],
          ],
        },
      ],
    }),
  ]),
  annotations('CreateML', 'images/a.json', [
    utf8([
      { image: 'a.png', annotations: [{ label: 'cat', coordinates: { x: 3, y: 3, width: 2, height: 2 } }] },
    ]),
  ]),
  annotations(
    'YOLO: boxes',
    'labels/a.txt',
    [utf8('0 0.5 0.5 0.25 0.25\n1 0.1 0.1 0.2 0.2 0.3 0.1\n')],
    [['data.yaml', utf8('train: images\nnames: [cat, dog]\n')]],
  ),
  annotations(
    'YOLO: data.yaml',
    'data.yaml',
    [
      utf8('path: .\ntrain: images\nval: images # here\nnc: 2\nnames:\n  0: cat\n  1: "dog, or so"\n'),
      utf8("train: images\nnames: ['cat', dog]\n"),
    ],
    [['labels/a.txt', utf8('0 0.5 0.5 0.25 0.25\n')]],
  ),
];
