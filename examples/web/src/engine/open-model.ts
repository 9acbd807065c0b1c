/** A detector of a file that a user has: npz, safetensors, PyTorch's, ..., or ONNX as this library writes it. */
import { transferParams } from '@chaingrad/core';
import { importOnnx } from '@chaingrad/onnx';
import { type SSD, SSD300, SSD512, SSDMobileNetV1Face, SSDMobileNetV2 } from '@chaingrad/vision';
import { type About, openWeights, readAbout, type WeightFile, type WeightSource } from '@chaingrad/weights';

const classes = { SSDMobileNetV2, SSD300, SSD512, SSDMobileNetV1Face } as const;

interface DetectorClass {
  new (args: { nFgClass: number; scoreFunction: About['scoreFunction'] }): SSD;
  fromPretrained(source: WeightSource | WeightFile): Promise<SSD>;
}

const classOf = (name: string, { model }: About): DetectorClass => {
  if (model in classes) return classes[model as keyof typeof classes] as unknown as DetectorClass;
  throw new Error(`${name}: expected a detector (${Object.keys(classes).join(', ')}), got a ${model}.`);
};

/** @throws what the readers say of a file that is damaged, or of another model. */
export async function openModel(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<SSD> {
  if (/\.onnx$/i.test(name)) return openOnnx(name, bytes);
  await using file = await openWeights(bytes);
  const about = readAbout(file);
  if (about !== null) return classOf(name, about).fromPretrained(file);
  const isVgg = file.has('extractor/conv1_1/W');
  const Model = isVgg ? (file.has('multibox/conf/6/W') ? SSD512 : SSD300) : SSDMobileNetV2;
  return (Model as unknown as DetectorClass).fromPretrained(file);
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
    const { nFgClass, scoreFunction, labelNames } = about;
    const model = new (classOf(name, about))({ nFgClass, scoreFunction });
    model.initialize([1, model.insize, model.insize, 3]);
    transferParams(network, model, { match: 'exact' });
    model.labelNames = labelNames;
    return model;
  } finally {
    network.dispose();
  }
}
