/** Caltech-UCSD Birds: kinds, boxes and parts. */
import { sliceDataset } from '@chaingrad/training';
import { DatasetError, openCubDataset, VisionOptionError } from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
import { decode, filesOf, imageFile } from './support.ts';

const layout = {
  'classes.txt': '1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n',
  'images.txt':
    '1 001.Black_footed_Albatross/a.jpg\n2 002.Laysan_Albatross/b.jpg\n3 002.Laysan_Albatross/c.jpg\n',
  'image_class_labels.txt': '1 1\n2 2\n3 2\n',
  'bounding_boxes.txt': '1 2.0 1.0 4.0 3.0\n2 0.0 0.0 6.0 5.0\n3 1.0 1.0 2.0 2.0\n',
  'train_test_split.txt': '1 0\n2 1\n3 0\n',
  'parts/parts.txt': '1 back\n2 left eye\n',
  'parts/part_locs.txt':
    '1 1 3.5 2.0 1\n1 2 0.0 0.0 0\n2 1 1.0 2.0 1\n2 2 4.0 3.0 1\n3 1 0.0 0.0 0\n3 2 2.0 1.0 1\n',
  'images/001.Black_footed_Albatross/a.jpg': imageFile(5, 6, 1),
  'images/002.Laysan_Albatross/b.jpg': imageFile(5, 6, 2),
  'images/002.Laysan_Albatross/c.jpg': imageFile(5, 6, 3),
};
type Files = Record<string, string | Uint8Array<ArrayBuffer>>;
const open = (more: Files = {}, options: object = {}) =>
  openCubDataset(filesOf({ ...layout, ...more }), { decode, ...options });

describe('vision/datasets/openCubDataset', () => {
  it('reads kinds, boxes and parts, y before x', async () => {
    const birds = await open();
    expect(birds.labelNames).to.deep.equal(['Black_footed_Albatross', 'Laysan_Albatross']);
    expect(birds.pointNames).to.deep.equal(['back', 'left eye']);
    expect(birds.length).to.equal(3);
    const { img, label, bbox, point, visible } = await birds.get(0);
    expect([img.data[0], label]).to.deep.equal([1, 0]);
    expect([...bbox]).to.deep.equal([1, 2, 4, 6]);
    expect([...point]).to.deep.equal([2, 3.5, 0, 0]);
    expect([...visible]).to.deep.equal([1, 0]);
    expect([...(await birds.get(1)).point]).to.deep.equal([2, 1, 3, 4]);
  });

  it('knows its splits, and reads no image for what is written in the lists', async () => {
    const train = await open({}, { split: 'train' });
    expect([train.length, (await train.get(0)).img.data[0]]).to.deep.equal([1, 2]);
    const test = await open({ 'images/002.Laysan_Albatross/c.jpg': 'no image' }, { split: 'test' });
    const labels = sliceDataset(test, null, 'label');
    expect([await labels.get(0), await labels.get(1)]).to.deep.equal([0, 1]);
    expect([...(await sliceDataset(test, [1], ['point', 'visible']).get(0)).visible]).to.deep.equal([0, 1]);
    await rejection(test.get(1), DatasetError);
  });

  it('tells what is missing or cannot be read', async () => {
    for (const [path, text, message] of [
      ['image_class_labels.txt', '1 1\n2 2\n', 'has no class'],
      ['image_class_labels.txt', '1 1\n2 2\n3 4\n', 'has no class'],
      ['bounding_boxes.txt', '1 2 1 4\n', 'bounding_boxes.txt'],
      ['parts/part_locs.txt', '1 9 2 1 1\n', 'part_locs.txt'],
      ['parts/part_locs.txt', '1 1 x 1 1\n', 'part_locs.txt'],
    ] as const)
      expect((await rejection(open({ [path]: text }), DatasetError)).message, text).to.include(message);
    const skipped = await open({ 'image_class_labels.txt': '1 1\n' }, { onProblem: 'skip' });
    expect([skipped.length, skipped.problems.length]).to.deep.equal([1, 2]);
    const { 'parts/parts.txt': _, ...partless } = layout;
    const error = await rejection(openCubDataset(filesOf(partless), { decode }), VisionOptionError);
    expect(error.message).to.include('parts/parts.txt');
  });
});
