/** Data sets whose pixels have classes, in their layouts. */
import {
  DatasetError,
  type DecodeImage,
  memoryFiles,
  openAde20kDataset,
  openCityscapesDataset,
  openSegmentationFolder,
  openVocInstanceSegmentationDataset,
  openVocSegmentationDataset,
  VisionOptionError,
  vocColormap,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';

/** A picture of the tests: height, width, RGB. */
const picture = (height: number, width: number, colors: readonly (readonly number[])[]) =>
  Uint8Array.from([height, width, ...colors.flat()]);
const decode: DecodeImage = (bytes) => ({ data: bytes.subarray(2), shape: [bytes[0]!, bytes[1]!, 3] });
const grey = (height: number, width: number, values: readonly number[]) =>
  picture(
    height,
    width,
    values.map((v) => [v, v, v]),
  );
const img = grey(2, 2, [10, 20, 30, 40]);
const list = (...names: string[]) => new TextEncoder().encode(`${names.join('\n')}\n`);

describe('vision/datasets: classes of pixels', () => {
  const colors = [0, 1, 255, 15].map(vocColormap);
  const voc = {
    'ImageSets/Segmentation/train.txt': list('a'),
    'JPEGImages/a.jpg': img,
    'SegmentationClass/a.png': picture(2, 2, colors),
    'SegmentationObject/a.png': picture(2, 2, [0, 2, 255, 1].map(vocColormap)),
  };
  const filesOf = (more: Record<string, Uint8Array<ArrayBuffer>> = {}) =>
    memoryFiles(Object.entries({ ...voc, ...more }));

  it("reads Pascal VOC's colours: borders do not count", async () => {
    const dataset = await openVocSegmentationDataset(filesOf(), { decode });
    expect([dataset.length, dataset.labelNames.length]).to.deep.equal([1, 21]);
    const { img, label } = await dataset.get(0);
    expect([...img.data.slice(0, 4)]).to.deep.equal([10, 10, 10, 20]);
    expect(label).to.deep.equal({ data: Int32Array.of(0, 1, -1, 15), shape: [2, 2] });
  });

  it("reads Pascal VOC's objects, each with its class and box", async () => {
    const dataset = await openVocInstanceSegmentationDataset(filesOf(), { decode });
    const { mask, label, bbox } = await dataset.get(0);
    expect(mask.shape).to.deep.equal([2, 2, 2]);
    expect([...mask.data]).to.deep.equal([0, 0, 0, 1, 0, 1, 0, 0]);
    expect([...label]).to.deep.equal([14, 0]);
    expect([...bbox]).to.deep.equal([1, 1, 2, 2, 0, 1, 1, 2]);
    expect(dataset.labelNames[14]).to.equal('person');
  });

  it('refuses colours of no class, other sizes, objects without a class and splits that are not there', async () => {
    const get = async (more: Record<string, Uint8Array<ArrayBuffer>>, open = openVocSegmentationDataset) =>
      rejection((await open(filesOf(more), { decode })).get(0) as Promise<unknown>, DatasetError);
    const odd = picture(2, 2, [[1, 2, 3], ...colors.slice(1)]);
    expect((await get({ 'SegmentationClass/a.png': odd })).message).to.include('(1, 2, 3) is of no class');
    const unknown = picture(2, 2, [vocColormap(21), ...colors.slice(1)]);
    expect((await get({ 'SegmentationClass/a.png': unknown })).message).to.include('of no class');
    const wide = picture(1, 2, colors.slice(0, 2));
    expect((await get({ 'SegmentationClass/a.png': wide })).message).to.include('the image has 2 x 2');
    const objects = picture(2, 2, [3, 2, 255, 1].map(vocColormap));
    const error = await get(
      { 'SegmentationObject/a.png': objects },
      openVocInstanceSegmentationDataset as never,
    );
    expect(error.message).to.include('object 3 has no class');
    const split = await rejection(openVocSegmentationDataset(filesOf(), { split: 'val' }), VisionOptionError);
    expect(split.message).to.include('ImageSets/Segmentation/val.txt');
  });

  it("reads Cityscapes' numbers: 19 classes count", async () => {
    const files = memoryFiles([
      ['leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png', img],
      ['leftImg8bit/train/bonn/bonn_1_leftImg8bit.png', img],
      ['gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png', grey(2, 2, [7, 0, 33, 26])],
      ['gtFine/train/aachen/aachen_000000_000019_gtFine_color.png', img],
      ['gtFine/train/bonn/bonn_1_gtFine_labelIds.png', grey(2, 2, [99, 0, 0, 0])],
    ]);
    const dataset = await openCityscapesDataset(files, { decode });
    expect(dataset.length).to.equal(2);
    const { label } = await dataset.get(0);
    expect([...label.data]).to.deep.equal([0, -1, 18, 13]);
    expect([0, 18, 13].map((l) => dataset.labelNames[l])).to.deep.equal(['road', 'bicycle', 'car']);
    expect((await rejection(dataset.get(1), DatasetError)).message).to.include('(99, 99, 99)');
    const none = await rejection(openCityscapesDataset(files, { split: 'val' }), VisionOptionError);
    expect(none.message).to.include('images in leftImg8bit/val');
  });

  it("reads ADE20K's numbers, which count from 1, and tells of images without classes", async () => {
    const files = memoryFiles([
      ['images/training/a.jpg', img],
      ['images/training/b.jpg', img],
      ['annotations/training/a.png', grey(2, 2, [0, 1, 150, 2])],
    ]);
    const refused = await rejection(openAde20kDataset(files, { decode }), DatasetError);
    expect(refused.message).to.include('b.jpg').and.include('annotations/training');
    const dataset = await openAde20kDataset(files, { decode, onProblem: 'skip' });
    expect([dataset.length, dataset.labelNames.length, dataset.problems.length]).to.deep.equal([1, 150, 1]);
    expect([...(await dataset.get(0)).label.data]).to.deep.equal([-1, 0, 149, 1]);
  });

  it("reads a folder of one's own, and CamVid", async () => {
    const files = memoryFiles([
      ['images/x/a.png', img],
      ['labels/x/a.png', grey(2, 2, [0, 1, 255, 1])],
      ['train/b.png', img],
      ['trainannot/b.png', grey(2, 2, [0, 10, 11, 5])],
    ]);
    const own = await openSegmentationFolder(files, { decode, labelNames: ['road', 'other'] });
    expect([...(await own.get(0)).label.data]).to.deep.equal([0, 1, -1, 1]);
    const camvid = await openSegmentationFolder(files, {
      decode,
      images: 'train',
      labels: 'trainannot',
      labelNames: Array.from({ length: 11 }, String),
      labelOf: (value) => (value === 11 ? -1 : value),
    });
    expect([...(await camvid.get(0)).label.data]).to.deep.equal([0, 10, -1, 5]);
    const nameless = await rejection(openSegmentationFolder(files, {} as never), VisionOptionError);
    expect(nameless.message).to.include('labelNames');
  });
});
