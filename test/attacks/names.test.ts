/** Names that every object of JavaScript has already are plain names: of arrays, of values of a network, of classes. */
import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChainDict, Linear, NothingToDoError, readArray } from '@chaingrad/core';
import { importOnnx } from '@chaingrad/onnx';
import { findLayout, memoryFiles, openLabelledFolder } from '@chaingrad/vision';
import { convertWeights, load, openWeights, type WeightSource } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { apReport, apTable } from '../../packages/cli/src/average-precision.ts';
import { readLabels } from '../../packages/cli/src/labels.ts';
import { writeNpz } from '../../packages/weights/src/formats/npz.ts';
import { buildModel, floats as onnxFloats } from '../onnx/import/model-builder.ts';
import { rejection } from '../support/errors.ts';
import { decode, imageFile, vocXml } from '../vision/datasets/support.ts';
import {
  buildFlatbuffer,
  bytes,
  int8,
  int32s,
  tables,
  text,
  uint32,
} from '../weights/formats/flatbuffer-builder.ts';
import { buildHdf5, contiguous, dataset, header, link } from '../weights/formats/hdf5-builder.ts';
import { int, pth, storage, unicode } from '../weights/formats/pickle-builder.ts';
import { floats } from '../weights/support.ts';

const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf'];
const value = (i: number) => 10 + i;
const utf8 = (content: string) => new TextEncoder().encode(content);
const f32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const fileOf = (content: Uint8Array<ArrayBuffer>, name: string) => new File([content], name);

const npz = () => writeNpz(names.map((name, i) => [name, floats([1], () => value(i))]));
const converted = async (name: string): Promise<WeightSource> => {
  await using file = await openWeights(npz());
  const { files } = await convertWeights(file, name);
  return files.map((each) => fileOf(each.bytes, each.name));
};

const formats: Readonly<Record<string, () => WeightSource | Promise<WeightSource>>> = {
  npz,
  safetensors: async () => ((await converted('w.safetensors')) as File[])[0]!,
  tfjs: () => converted('model.json'),
  HDF5: () =>
    buildHdf5((at) => [
      header(...names.map((name, i) => link(name, at[1 + i] ?? 0))),
      ...names.map((_, i) => dataset(1, contiguous(at[1 + names.length + i] ?? 0, 4))),
      ...names.map((_, i) => [...f32(value(i))]),
    ]),
  PyTorch: () =>
    pth(
      [0x80, 2],
      '}',
      ...names.flatMap((name, i) => [
        unicode(name),
        'ctorch._utils\n_rebuild_tensor_v2\n(',
        ...storage(4),
        int(i % 4),
        '(',
        int(1),
        't(',
        int(1),
        't',
        [0x89],
        'NtRs',
      ]),
      '.',
    ),
  TFLite: () =>
    buildFlatbuffer('TFL3', {
      2: tables({
        0: tables(...names.map((name, i) => ({ 0: int32s(1), 1: int8(0), 2: uint32(1 + i), 3: text(name) }))),
      }),
      4: tables({}, ...names.map((_, i) => ({ 0: bytes(f32(value(i))) }))),
    }),
};

describe('attacks: names that every object has', () => {
  before(() => tf.setBackend('cpu'));

  for (const [format, make] of Object.entries(formats)) {
    it(`of arrays in ${format}`, async () => {
      await using file = await openWeights(await make());
      expect(file.keys()).to.have.members(names);
      for (const [i, name] of names.entries()) {
        expect((await file.info(name)).shape).to.deep.equal([1]);
        const { data } = await readArray(file, name);
        expect(data).to.have.length(1);
        if (format !== 'PyTorch') expect(data![0]).to.equal(value(i));
      }
      expect(file.has('isPrototypeOf')).to.equal(false);
    });
  }

  it('of parameters, which are told to be absent in a file that has none of them', async () => {
    using links = new ChainDict({ constructor_: new Linear(1, 1) });
    const error = await rejection(load(links, npz(), { match: 'common' }), NothingToDoError);
    expect(error.message).to.include('/__proto__').and.include('/constructor_/W');
  });

  it('of values and outputs of an ONNX network', async () => {
    const initializers = Object.fromEntries(names.map((name, i) => [name, onnxFloats([2], [value(i), 0])]));
    using network = await importOnnx<Record<string, tf.Tensor>>(
      buildModel({
        inputs: { toLocaleString: [2] },
        outputs: ['__proto__', 'constructor'],
        initializers: Object.fromEntries(Object.entries(initializers).slice(2)),
        nodes: [
          { op: 'Add', inputs: ['toLocaleString', 'hasOwnProperty'], outputs: ['__proto__'] },
          { op: 'Add', inputs: ['__proto__', 'toString'], outputs: ['constructor'] },
        ],
      }),
    );
    const paths = [...network.namedparams()].map(([path]) => path);
    expect(paths).to.have.members(['/hasOwnProperty_', '/toString_']);
    const x = tf.tensor1d([1, 2]);
    const outputs = Object.entries(network.call(x));
    expect(outputs.map(([name, tensor]) => [name, ...tensor.dataSync()])).to.deep.equal([
      ['__proto__', 13, 2],
      ['constructor', 26, 2],
    ]);
    tf.dispose([x, ...outputs.map(([, tensor]) => tensor)]);
  });

  const image = imageFile(8, 8);
  const boxes = names.map((name, i) => [name, 1, 1, 3 + i, 4] as const);
  const datasets: Readonly<Record<string, [string, Uint8Array<ArrayBuffer>][]>> = {
    'Pascal VOC': [['Annotations/a.xml', utf8(vocXml(8, 8, boxes))]],
    COCO: [
      [
        'instances.json',
        utf8(
          JSON.stringify({
            images: [{ id: '__proto__', file_name: 'a.png', width: 8, height: 8 }],
            categories: names.map((name) => ({ id: name, name })),
            annotations: names.map((name, i) => ({
              image_id: '__proto__',
              category_id: name,
              bbox: [0, 0, 3 + i, 4],
            })),
          }),
        ),
      ],
    ],
    YOLO: [
      ['images/a.txt', utf8(names.map((_, i) => `${i} 0.5 0.5 0.${3 + i} 0.5`).join('\n'))],
      ['data.yaml', utf8(`__proto__: 1\nconstructor: 2\nnames: [${names.join(', ')}]\n`)],
    ],
    LabelMe: [
      [
        'images/a.json',
        utf8(
          JSON.stringify({
            imagePath: 'a.png',
            imageWidth: 8,
            imageHeight: 8,
            shapes: names.map((label, i) => ({ label, points: [[0, 0], [3 + i, 4]] })), // biome-ignore format: one line
          }),
        ),
      ],
    ],
    CreateML: [
      [
        'images/a.json',
        utf8(
          JSON.stringify([
            {
              image: 'a.png',
              annotations: names.map((label, i) => ({
                label,
                coordinates: { x: 4, y: 4, width: 1 + i, height: 2 },
              })),
            },
          ]),
        ),
      ],
    ],
  };
  for (const [format, files] of Object.entries(datasets)) {
    it(`of classes in ${format}`, async () => {
      const folder = memoryFiles([['images/a.png', image], ...files]);
      const { parts } = await findLayout(folder);
      expect(parts.map((part) => part.format)).to.deep.equal([format]);
      const { labelNames, records, problems } = await openLabelledFolder(folder, parts, { decode });
      expect(labelNames).to.have.members(names);
      expect(problems).to.deep.equal([]);
      expect([...records[0]!.label].map((label) => labelNames[label])).to.deep.equal(names);
    });
  }

  it('as entities of XML, which has five', async () => {
    const xml = vocXml(8, 8, [['&constructor;&toString;&amp;&__proto__;', 1, 1, 4, 4]]);
    const folder = memoryFiles([
      ['images/a.png', image],
      ['Annotations/a.xml', utf8(xml)],
    ]);
    const { parts } = await findLayout(folder);
    const { labelNames } = await openLabelledFolder(folder, parts, { decode });
    expect(labelNames).to.deep.equal(['&constructor;&toString;&&__proto__;']);
  });

  it('in a file of labels', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaingrad-names-'));
    try {
      await writeFile(join(folder, 'lines.txt'), names.join('\n'));
      await writeFile(join(folder, 'list.json'), JSON.stringify(names));
      for (const name of ['lines.txt', 'list.json'])
        expect(await readLabels(join(folder, name))).to.deep.equal(names);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('of classes in the table of an evaluation', () => {
    const ap = Float64Array.from(names, (_, i) => i / 10);
    const report = apReport({ map: 0.5, ap }, names, 1);
    expect(Object.entries(report.ap)).to.deep.equal(names.map((name, i) => [name, i / 10]));
    for (const name of names) expect(apTable(report)).to.include(name);
    expect(Object.keys(JSON.parse(JSON.stringify(report.ap)))).to.deep.equal(names);
  });
});
