/** A detector of a file that a user has: npz, safetensors, PyTorch's, ..., or ONNX as this library writes it. */
import { transferParams } from '@chaingrad/core';
import { importOnnx } from '@chaingrad/onnx';
import {
  type SSD,
  SSD300,
  SSD512,
  SSDMobileNetV1Face,
  SSDMobileNetV2,
  SSDResNet18,
  SSDResNet50,
} from '@chaingrad/vision';
import { type About, openWeights, readAbout } from '@chaingrad/weights';

interface DetectorClass {
  fromPretrained(source: Uint8Array<ArrayBuffer>): Promise<SSD>;
}

const sized = ({ nFgClass, insize }: About) => ({ nFgClass, ...(insize === undefined ? {} : { insize }) });

/** The classes of files, and what a file tells their constructors. */
const classes: Readonly<Record<string, { Model: DetectorClass; make(about: About): SSD }>> = {
  SSDMobileNetV2: {
    Model: SSDMobileNetV2,
    make: (about) => new SSDMobileNetV2({ ...sized(about), scoreFunction: about.scoreFunction }),
  },
  SSD300: { Model: SSD300, make: ({ nFgClass }) => new SSD300({ nFgClass }) },
  SSD512: { Model: SSD512, make: ({ nFgClass }) => new SSD512({ nFgClass }) },
  SSDMobileNetV1Face: { Model: SSDMobileNetV1Face, make: () => new SSDMobileNetV1Face() },
  SSDResNet18: { Model: SSDResNet18, make: (about) => new SSDResNet18(sized(about)) },
  SSDResNet50: { Model: SSDResNet50, make: (about) => new SSDResNet50(sized(about)) },
};

const classOf = (name: string, { model }: About) => {
  if (Object.hasOwn(classes, model)) return classes[model]!;
  throw new Error(`${name}: expected a detector (${Object.keys(classes).join(', ')}), got a ${model}.`);
};

/** @throws what the readers say of a file that is damaged, or of another model. */
export async function openModel(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<SSD> {
  if (/\.onnx$/i.test(name)) return openOnnx(name, bytes);
  await using file = await openWeights(bytes);
  const about = readAbout(file);
  if (about !== null) return classOf(name, about).Model.fromPretrained(bytes);
  const isVgg = file.has('extractor/conv1_1/W');
  const Model: DetectorClass = isVgg ? (file.has('multibox/conf/6/W') ? SSD512 : SSD300) : SSDMobileNetV2;
  return Model.fromPretrained(bytes);
}

async function openOnnx(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<SSD> {
  const network = await importOnnx(bytes);
  try {
    const about = readAbout({ file: name, metadata: network.program.metadata });
    if (about === null)
      throw new Error(
        `${name}: expected a detector that chaingrad has written, got another ONNX network. ` +
          'The library imports it (importOnnx); this page knows no boxes for it.',
      );
    const model = classOf(name, about).make(about);
    model.initialize([1, model.insize, model.insize, 3]);
    // ONNX counts no batches.
    transferParams(network, model, { match: 'exact', ignore: /\/N$/ });
    model.labelNames = about.labelNames;
    if (about.tiles !== undefined) model.tiles = about.tiles;
    if (about.nms !== undefined) model.nms = about.nms;
    return model;
  } finally {
    network.dispose();
  }
}
