/** Masks in COCO's format. */
import { sliceDataset } from '@chaingrad/training';
import {
  DatasetError,
  type DatasetFiles,
  openCocoInstanceSegmentationDataset,
  VisionOptionError,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
import { readJson } from '../../support/goldens.ts';
import { decode, filesOf, imageFile } from './support.ts';

type Size = [height: number, width: number];
interface MaskCase {
  note: string;
  segmentation: unknown;
  /** The same in letters. */
  rle: unknown;
  /** The mask in lengths of runs along the rows. */
  rows: number[];
  size: Size;
}
const { cases } = readJson<{ cases: MaskCase[] }>('coco-masks.json');

const maskOf = ({ rows, size }: MaskCase): Uint8Array => {
  const mask = new Uint8Array(size[0] * size[1]);
  let at = 0;
  for (const [i, run] of rows.entries()) {
    mask.fill(i % 2, at, at + run);
    at += run;
  }
  return mask;
};

/** A data set of one image a size, each object of category 7. */
function filesWith(
  objects: readonly {
    size: Size;
    segmentation: unknown;
    image_id?: number;
    category_id?: number;
    iscrowd?: number;
    area?: number;
  }[],
): DatasetFiles {
  const json = {
    categories: [
      { id: 9, name: 'later' },
      { id: 7, name: 'first' },
    ],
    images: objects.map(({ size: [height, width] }, id) => ({ id, file_name: `${id}.png`, height, width })),
    annotations: objects.map(({ size: _, ...rest }, image_id) => ({
      id: image_id,
      image_id,
      category_id: 7,
      bbox: [0, 0, 1, 1],
      iscrowd: 0,
      ...rest,
    })),
  };
  // Sizes of these images go into a byte.
  const images = objects.map(({ size: [h, w] }, id) => [`images/${id}.png`, imageFile(h, w)] as const);
  return filesOf({ 'a.json': JSON.stringify(json), ...Object.fromEntries(images) });
}
const open = (files: DatasetFiles, options: object = {}) =>
  openCocoInstanceSegmentationDataset(files, { annotations: 'a.json', decode, ...options });

describe('vision/datasets: masks of COCO', () => {
  it('equal those of pycocotools: polygons, run lengths as numbers and in letters', async () => {
    expect(cases).to.have.length(25);
    const asTheyAre = await open(filesWith(cases));
    const inLetters = await open(filesWith(cases.map(({ size, rle }) => ({ size, segmentation: rle }))));
    for (const [i, recorded] of cases.entries()) {
      const want = [...maskOf(recorded)];
      const what = `${i}, ${recorded.note}`;
      // What has no pixels is an object all the same.
      const { mask } = await asTheyAre.get(i);
      expect(mask.shape, what).to.deep.equal([1, ...recorded.size]);
      expect([...mask.data], what).to.deep.equal(want);
      expect([...(await inLetters.get(i)).mask.data], `${what} in letters`).to.deep.equal(want);
    }
  });

  it('come with classes, boxes around them, areas and crowds', async () => {
    const size: Size = [6, 8];
    const box = (x: number, y: number, side: number) => [
      [x, y, x + side, y, x + side, y + side, x, y + side],
    ];
    const files = filesWith([
      { size, segmentation: box(1, 2, 3), area: 9, category_id: 9 },
      { size, segmentation: box(0, 0, 2), area: 4, iscrowd: 1 },
      { size, segmentation: box(4, 1, 2), image_id: 0, area: 4.5 },
    ]);
    const dataset = await open(files);
    expect([dataset.length, dataset.labelNames]).to.deep.equal([1, ['first', 'later']]);
    const { img, mask, label, bbox, crowded, area } = await dataset.get(0);
    expect(img.shape).to.deep.equal([6, 8, 3]);
    expect(mask.shape).to.deep.equal([2, 6, 8]);
    expect([...label]).to.deep.equal([1, 0]);
    expect([...bbox]).to.deep.equal([2, 1, 5, 4, 1, 4, 3, 6]);
    expect([...crowded]).to.deep.equal([0, 0]);
    expect([...area]).to.deep.equal([9, 4.5]);
    const crowds = await open(files, { useCrowded: true, labelNames: ['later', 'first'] });
    expect([...(await crowds.get(0)).label]).to.deep.equal([0, 1]);
    expect([...(await crowds.get(1)).crowded]).to.deep.equal([1]);
  });

  it('are drawn when they are asked for, labels without the image', async () => {
    const files = filesWith(cases.slice(0, 1));
    const read: string[] = [];
    const counted: DatasetFiles = {
      ...files,
      read(path) {
        read.push(path);
        return files.read(path);
      },
    };
    const dataset = await open(counted);
    read.length = 0;
    expect([...(await sliceDataset(dataset, null, 'label').get(0))]).to.deep.equal([0]);
    expect(read).to.deep.equal([]);
    expect(Object.keys(await sliceDataset(dataset, null, ['mask']).get(0))).to.deep.equal(['mask']);
    expect(read).to.deep.equal(['images/0.png']);
  });

  it('refuse what is none, and tell of objects without one or of no class', async () => {
    const size: Size = [4, 5];
    const messageOf = async (segmentation: unknown) =>
      (await rejection((await open(filesWith([{ size, segmentation }]))).get(0), DatasetError)).message;
    for (const [segmentation, text] of [
      [[], 'a polygon at least'],
      [[[1, 2, 3, 4]], 'three points or more'],
      [[[1, 2, 3, 4, 5, 1e9]], 'near the image'],
      [7, 'polygons or { size, counts }'],
      [{ size: [5, 4], counts: [20] }, 'the size [4,5] of its image'],
      [{ size, counts: [19] }, 'counts of 20 pixels'],
      [{ size, counts: [-1, 21] }, 'counts of pixels'],
      [{ size, counts: 'd~' }, 'letters'],
      [{ size, counts: 'T' }, 'letters'],
    ] as const)
      expect(await messageOf(segmentation), JSON.stringify(segmentation)).to.include(text);
    const nothing = filesWith([{ size, segmentation: undefined }]);
    expect((await rejection(open(nothing), DatasetError)).message).to.include('has no segmentation');
    const unknown = open(filesWith(cases.slice(0, 1)), { labelNames: ['x'] });
    expect((await rejection(unknown, DatasetError)).message).to.include("'first' is not one of x");
    const skipped = await open(nothing, { onProblem: 'skip' });
    expect([skipped.length, skipped.problems.length]).to.deep.equal([0, 1]);
    await rejection(open(filesOf({})), VisionOptionError);
  });
});
