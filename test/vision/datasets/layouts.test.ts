import { type DatasetFiles, FolderLayoutError, findLayout, openLabelledFolder } from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
import { decode, filesOf, imageFile, vocXml } from './support.ts';

type Entries = Record<string, string | Uint8Array<ArrayBuffer>>;

const image = imageFile(10, 20);
const voc = vocXml(10, 20, [['cat', 3, 2, 13, 7]]);
const cocoJson = (name: string) =>
  JSON.stringify({
    images: [{ id: 1, file_name: name, width: 20, height: 10 }],
    annotations: [{ id: 1, image_id: 1, category_id: 5, bbox: [2, 1, 10, 5] }],
    categories: [
      { id: 0, name: 'animals' },
      { id: 5, name: 'cat' },
    ],
  });
const labelMe = JSON.stringify({
  shapes: [
    {
      label: 'cat',
      points: [
        [2, 6],
        [12, 1],
      ],
      shape_type: 'rectangle',
    },
  ],
  imagePath: '..\\images\\a.jpg',
  imageHeight: 10,
  imageWidth: 20,
});
const createMl = JSON.stringify([
  { image: 'a.jpg', annotations: [{ label: 'cat', coordinates: { x: 7, y: 3.5, width: 10, height: 5 } }] },
]);
/** The same box: class, centre and size. */
const yoloLine = '0 0.35 0.35 0.5 0.5\n';

/** Every part of a folder, with what it holds. */
async function contents(files: DatasetFiles, images?: string) {
  const { parts, description, notes } = await findLayout(files, { images });
  const read = await Promise.all(
    parts.map(async (part) => {
      const dataset = await openLabelledFolder(files, [part], { decode, keepEmpty: true });
      return {
        name: part.name,
        files: dataset.records.map(({ file }) => file),
        boxes: dataset.records.map(({ bbox }) => [...bbox].map((value) => Math.round(value * 1000) / 1000)),
        labelNames: dataset.labelNames,
      };
    }),
  );
  return { read, description, notes };
}

const layouts: readonly [
  title: string,
  entries: Entries,
  description: string,
  file: string,
  name?: string,
][] = [
  [
    "Pascal VOC's own",
    { 'Annotations/a.xml': voc, 'JPEGImages/a.jpg': image },
    'Pascal VOC in Annotations/, 1 image in JPEGImages/',
    'JPEGImages/a.jpg',
  ],
  [
    'annotations and images',
    { 'annotations/a.xml': voc, 'images/a.jpg': image },
    'Pascal VOC in annotations/, 1 image in images/',
    'images/a.jpg',
  ],
  [
    'annots and images of a part',
    { 'train/annots/a#t=1.xml': voc, 'train/images/a#t=1.jpg': image },
    'Pascal VOC in train/annots/, 1 image in train/images/',
    'train/images/a#t=1.jpg',
    'train',
  ],
  [
    'annotations/val and images/val',
    { 'annotations/val/a.xml': voc, 'images/val/a.jpg': image, 'images/train/a.jpg': image },
    'Pascal VOC in annotations/val/, 1 image in images/val/',
    'images/val/a.jpg',
    'val',
  ],
  [
    'Annotations and images',
    { 'Annotations/a.xml': voc, 'images/a.jpg': image },
    'Pascal VOC in Annotations/, 1 image in images/',
    'images/a.jpg',
  ],
  [
    'XML beside the images',
    { 'images/test/a.xml': voc, 'images/test/a.JPG': image },
    'Pascal VOC in images/test/, 1 image beside them',
    'images/test/a.JPG',
    'test',
  ],
  [
    'XML in a folder and a copy beside the images',
    { 'Annotations/a.XML': voc, 'JPEGImages/a.jpg': image, 'JPEGImages/a.xml': voc },
    'Pascal VOC in Annotations/, 1 image in JPEGImages/',
    'JPEGImages/a.jpg',
  ],
  [
    "Roboflow's COCO",
    { 'valid/_annotations.coco.json': cocoJson('a.jpg'), 'valid/a.jpg': image },
    'COCO in valid/_annotations.coco.json, 1 image in valid/',
    'valid/a.jpg',
    'val',
  ],
  [
    "CVAT's COCO",
    { 'annotations/instances_default.json': cocoJson('a.jpg'), 'images/a.jpg': image },
    'COCO in annotations/instances_default.json, 1 image in images/',
    'images/a.jpg',
  ],
  [
    "COCO's own",
    {
      'annotations/instances_val2017.json': cocoJson('a.jpg'),
      'annotations/captions_val2017.json': '{"images": [], "annotations": []}',
      'val2017/a.jpg': image,
      'train2017/a.jpg': image,
    },
    'COCO in annotations/instances_val2017.json, 1 image in val2017/',
    'val2017/a.jpg',
    'val',
  ],
  [
    "Label Studio's COCO",
    { 'result.json': cocoJson('images/a.jpg'), 'images/a.jpg': image },
    'COCO in result.json, 1 image in images/',
    'images/a.jpg',
  ],
  [
    'COCO with paths of Windows',
    { 'result.json': cocoJson('images\\a.jpg'), 'images/a.jpg': image },
    'COCO in result.json, 1 image in images/',
    'images/a.jpg',
  ],
  [
    'COCO with paths of another machine',
    { 'a.json': cocoJson('C:\\data\\a.jpg'), 'pictures/a.jpg': image },
    'COCO in a.json, 1 image in pictures/',
    'pictures/a.jpg',
  ],
  [
    'YOLO with data.yaml',
    {
      'data.yaml': "train: ../train/images # a remark\nval: ../valid/images\nnc: 1\nnames: ['cat']\n",
      'train/images/a.jpg': image,
      'train/labels/a.txt': yoloLine,
    },
    'YOLO in train/labels/, 1 image in train/images/',
    'train/images/a.jpg',
    'train',
  ],
  [
    'YOLO with names by number and folders by kind',
    {
      'coco.yaml': 'path: /data/x\nval: images/check\nnames:\n  0: cat\n  1: dog\n',
      'images/check/a.jpg': image,
      'labels/check/a.txt': yoloLine,
    },
    'YOLO in labels/check/, 1 image in images/check/',
    'images/check/a.jpg',
    'val',
  ],
  [
    'YOLO with a list of names',
    { 'obj/a.jpg': image, 'obj/a.txt': yoloLine, 'obj/classes.txt': 'cat\ndog\n' },
    'YOLO in obj/, 1 image beside them',
    'obj/a.jpg',
  ],
  [
    'LabelMe beside the images',
    { 'a.jpg': image, 'a.json': labelMe },
    'LabelMe in the folder itself, 1 image beside them',
    'a.jpg',
  ],
  [
    'LabelMe apart',
    { 'images/a.jpg': image, 'json/a.json': labelMe },
    'LabelMe in json/, 1 image in images/',
    'images/a.jpg',
  ],
  [
    'CreateML',
    { 'train/a.jpg': image, 'train/_annotations.createml.json': createMl },
    'CreateML in train/_annotations.createml.json, 1 image in train/',
    'train/a.jpg',
    'train',
  ],
];

describe('findLayout and openLabelledFolder', () => {
  for (const [title, entries, description, file, name = ''] of layouts) {
    it(`find ${title}`, async () => {
      const found = await contents(filesOf(entries));
      expect(found.description).to.equal(description);
      expect(found.read).to.deep.equal([
        { name, files: [file], boxes: [[1, 2, 6, 12]], labelNames: ['cat'] },
      ]);
    });
  }

  it('take the folder of the images from the caller', async () => {
    const files = filesOf({ 'Annotations/a.xml': voc, 'JPEGImages/a.jpg': image, 'small/a.jpg': image });
    expect((await contents(files)).read[0]!.files).to.deep.equal(['JPEGImages/a.jpg']);
    expect((await contents(files, './small/')).read[0]!.files).to.deep.equal(['small/a.jpg']);
    const error = await rejection(findLayout(files, { images: 'large' }), FolderLayoutError);
    expect(error.message).to.contain('no pictures in large');
  });

  it('say which format is read where there are two', async () => {
    const files = filesOf({ 'a.jpg': image, 'a.xml': voc, 'a.txt': yoloLine });
    expect((await contents(files)).notes).to.deep.equal([
      'YOLO in the folder itself is there too, and not read',
    ]);
  });

  const lookAlikes: readonly [title: string, entries: Entries, expected: string][] = [
    ['nothing', {}, 'no pictures and no labels'],
    ['pictures alone', { 'x/a.jpg': image }, '1 pictures in x without labels'],
    ["CVAT's XML", { 'a.xml': '<annotations><image/></annotations>', 'a.jpg': image }, "CVAT's own XML"],
    ['other XML', { 'a.xml': '<svg></svg>', 'a.jpg': image }, 'whose root is <svg>'],
    ["Label Studio's JSON", { 'a.json': '[{"data": {}, "annotations": []}]' }, "Label Studio's own JSON"],
    ['VIA', { 'v.json': '{"a.jpg1": {"regions": []}}' }, "VGG Image Annotator's JSON"],
    ['CSV', { 'a.csv': 'filename,xmin,ymin\n' }, 'boxes in CSV'],
    ['TFRecord', { 'a.tfrecord': image }, 'TFRecord'],
    ['broken JSON', { 'a.json': '{"images": NaN' }, 'JSON that cannot be read'],
    ['text', { 'a.txt': 'a picture of a cat', 'a.jpg': image }, "not YOLO's"],
    ['VOC without its pictures', { 'Annotations/a.xml': voc }, 'no picture has the name of one'],
    ['COCO without its pictures', { 'a.json': cocoJson('a.jpg') }, 'none of the pictures'],
  ];
  for (const [title, entries, expected] of lookAlikes) {
    it(`name what looks alike: ${title}`, async () => {
      const error = await rejection(findLayout(filesOf(entries)), FolderLayoutError);
      expect(error.message).to.contain(expected);
    });
  }
});
