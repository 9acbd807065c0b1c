import { VisionOptionError } from '../errors.ts';
import { type DatasetSource, openFiles, whyUnreadable } from './files.ts';
import { DatasetError } from './problems.ts';

/** Small grey images with a label each, all in memory. */
export interface MnistDataset {
  readonly length: number;
  /** length * height * width bytes, 0 is background. */
  readonly images: Uint8Array;
  /** One byte an image, counting from 0. */
  readonly labels: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** The classes of Fashion-MNIST in the order of the labels. */
export const fashionMnistLabelNames: readonly string[] = [
  'T-shirt/top',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle boot',
];

/** Where the Debian package dataset-fashion-mnist puts the files. */
export const fashionMnistFolder = '/usr/share/datasets/fashion-mnist';

/**
 * Reads Fashion-MNIST (or MNIST, whose files have the same form): `train-images-idx3-ubyte.gz` and so on, packed or not.
 *
 * Source: Xiao, Rasul, Vollgraf (2017). Chainer counterpart: `chainer.datasets.get_fashion_mnist`.
 *
 * @param split 60000 images to learn from, or 10000 to test with.
 * @param source the folder. Default: that of the Debian package (`apt-get install dataset-fashion-mnist`).
 * @throws VisionOptionError when the files are not there; DatasetError when one is damaged.
 */
export async function openFashionMnist(
  split: 'train' | 'test',
  source: DatasetSource = fashionMnistFolder,
): Promise<MnistDataset> {
  const prefix = split === 'train' ? 'train' : 't10k';
  const images = await readIdx(source, `${prefix}-images-idx3-ubyte`, 3);
  const labels = await readIdx(source, `${prefix}-labels-idx1-ubyte`, 1);
  const [length, height, width] = images.shape as [number, number, number];
  if (labels.shape[0] !== length) {
    throw new DatasetError(openFiles(source).name, {
      kind: 'annotation',
      file: `${prefix}-labels-idx1-ubyte`,
      message: `expected ${length} labels, one an image, got ${labels.shape[0]}`,
    });
  }
  return { length, height, width, images: images.data, labels: labels.data };
}

/** An array of bytes in the IDX format of MNIST. */
async function readIdx(
  source: DatasetSource,
  name: string,
  rank: number,
): Promise<{ shape: readonly number[]; data: Uint8Array }> {
  const files = openFiles(source);
  const { files: names } = await files.list('');
  const file = [`${name}.gz`, name].find((candidate) => names.includes(candidate));
  if (file === undefined) {
    throw new VisionOptionError(
      'openFashionMnist',
      'source',
      `a folder with ${name}.gz`,
      files.name,
      'On Debian and Ubuntu: apt-get install dataset-fashion-mnist.',
    );
  }
  const fail = (message: string) => new DatasetError(files.name, { kind: 'annotation', file, message });
  let bytes = await files.read(file);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
      bytes = new Uint8Array(await new Response(plain).arrayBuffer());
    } catch (error) {
      throw fail(`the gzip file is damaged: ${whyUnreadable(error)}`);
    }
  }
  const start = 4 + 4 * rank;
  // Two zeros, 8 for unsigned bytes, the number of axes; then their lengths.
  if (bytes.length < start || bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== 8 || bytes[3] !== rank) {
    throw fail(`expected an IDX file of bytes with ${rank} axes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((a, b) => a * b, 1);
  if (bytes.length - start !== size) {
    throw fail(`expected ${size} bytes for the shape (${shape.join(', ')}), got ${bytes.length - start}`);
  }
  return { shape, data: bytes.subarray(start) };
}
