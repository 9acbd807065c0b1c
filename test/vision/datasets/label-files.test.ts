import {
  findLayout,
  type LabelledImage,
  labelFiles,
  memoryFiles,
  openLabelledFolder,
  VisionOptionError,
} from '@chaingrad/vision';
import { expect } from 'chai';

const names = ['red cell', 'it\'s <round> & "small"'];
const pictures: LabelledImage[] = [
  { file: 'a.png', size: [60, 80], bbox: [1.25, 2, 30, 40.5, 0, 0, 60, 80], label: [1, 0] },
  { file: 'a.jpg', size: [90, 50], bbox: [10, 10, 20, 20], label: [0], part: 'test' },
  { file: 'none.jpg', size: [20, 20], bbox: [], label: [] },
];
/** Readers look for pictures by their names; these are never decoded. */
const bytes = new Uint8Array([1]);

describe('labelFiles', () => {
  for (const format of ['Pascal VOC', 'COCO', 'YOLO'] as const) {
    it(`is read again as it was: ${format}`, async () => {
      const { files, images } = labelFiles(pictures, { format, labelNames: names });
      const encoder = new TextEncoder();
      const source = memoryFiles([
        ...[...files].map(([path, text]) => [path, encoder.encode(text)] as const),
        ...images.map((path) => [path, bytes] as const),
      ]);
      const { parts, notes } = await findLayout(source);
      expect(notes).to.deep.equal([]);
      expect(parts.map(({ name }) => name).sort()).to.deep.equal(['test', 'train']);
      expect(parts.every((part) => part.format === format)).to.equal(true);
      for (const part of parts) {
        const dataset = await openLabelledFolder(source, [part], {
          keepEmpty: true,
          labelNames: names,
          // YOLO's text has no sizes: they are asked of the pictures.
          decode: async (_, file) => {
            const [height, width] = pictures[images.indexOf(file)]!.size;
            return { data: new Uint8Array(3 * height * width), shape: [height, width, 3] };
          },
        });
        const expected = pictures.filter(({ part: p = 'train' }) => p === part.name);
        expect(dataset.length).to.equal(expected.length);
        for (const record of dataset.records) {
          const { bbox, label, size } = pictures[images.indexOf(record.file)]!;
          expect(record.size).to.deep.equal(size);
          expect([...record.label]).to.deep.equal([...(label as number[])]);
          for (const [i, value] of [...record.bbox].entries()) expect(value).to.be.closeTo(bbox[i]!, 0.006);
        }
      }
    });
  }

  it('refuses labels without a name, and folders in names', () => {
    const options = { format: 'YOLO', labelNames: ['one'] } as const;
    expect(() => labelFiles(pictures, options)).to.throw(VisionOptionError, 'label of a.png');
    expect(() => labelFiles([{ ...pictures[2]!, file: '../x.png' }], options)).to.throw(
      VisionOptionError,
      'folders',
    );
  });
});
