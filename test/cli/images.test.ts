import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Image } from '@chaingrad/vision';
import { expect } from 'chai';
import sharp from 'sharp';
import { ImageError } from '../../packages/cli/src/errors.ts';
import { type ImageFormat, readImage, writeImage } from '../../packages/cli/src/images.ts';
import { readJson } from '../support/goldens.ts';
import { blockColours, blocks, colours, type Rgb, root, temporaryFolder } from './support.ts';

const [[red, green, blue], [yellow, cyan, magenta]] = colours as [[Rgb, Rgb, Rgb], [Rgb, Rgb, Rgb]];
const photo = `${root}examples/images/chelsea.png`;

/** How the six colours look when a viewer obeys each value of the EXIF orientation (EXIF 2.3, tag 0x0112). */
const upright: Record<number, Rgb[][]> = {
  1: [
    [red, green, blue],
    [yellow, cyan, magenta],
  ],
  2: [
    [blue, green, red],
    [magenta, cyan, yellow],
  ],
  3: [
    [magenta, cyan, yellow],
    [blue, green, red],
  ],
  4: [
    [yellow, cyan, magenta],
    [red, green, blue],
  ],
  5: [
    [red, yellow],
    [green, cyan],
    [blue, magenta],
  ],
  6: [
    [yellow, red],
    [cyan, green],
    [magenta, blue],
  ],
  7: [
    [magenta, blue],
    [cyan, green],
    [yellow, red],
  ],
  8: [
    [blue, magenta],
    [green, cyan],
    [red, yellow],
  ],
};

function expectColours(got: Rgb[][], expected: readonly (readonly Rgb[])[], tolerance: number): void {
  expect(got.map((row) => row.length)).to.deep.equal(expected.map((row) => row.length));
  const flat = expected.flat(2);
  for (const [i, value] of got.flat(2).entries()) expect(value).to.be.closeTo(flat[i]!, tolerance);
}

async function failure(file: string): Promise<ImageError> {
  try {
    await readImage(file);
  } catch (error) {
    expect(error).to.be.instanceOf(ImageError);
    return error as ImageError;
  }
  throw new Error(`${file} was read`);
}

describe('cli/images', () => {
  const folder = temporaryFolder();

  describe('EXIF orientation', () => {
    for (const format of ['png', 'jpeg', 'webp'] as const) {
      for (let orientation = 1; orientation <= 8; orientation++) {
        it(`turns a ${format} with orientation ${orientation} upright`, async () => {
          const options = format === 'webp' ? { lossless: true } : { quality: 100 };
          const bytes = await blocks(colours)
            .withMetadata({ orientation })
            .toFormat(format, options)
            .toBuffer();
          const read = await readImage(folder.write(`${orientation}.${format}`, bytes));
          expect(read.format).to.equal(format);
          expectColours(blockColours(read.img), upright[orientation]!, format === 'jpeg' ? 3 : 0);
        });
      }
    }
  });

  describe('kinds of pixels', () => {
    it('repeats the value of a grayscale PNG in the three channels', async () => {
      const levels: Rgb[][] = [[0, 100, 255].map((v): Rgb => [v, v, v])];
      const bytes = await blocks(levels).toColourspace('b-w').png().toBuffer();
      expect((await sharp(bytes).metadata()).channels).to.equal(1);
      expectColours(blockColours((await readImage(folder.write('gray.png', bytes))).img), levels, 1);
    });

    it('reads 16 bits a channel as 8', async () => {
      const bytes = await blocks(colours).toColourspace('rgb16').png().toBuffer();
      expect((await sharp(bytes).metadata()).depth).to.equal('ushort');
      expectColours(blockColours((await readImage(folder.write('16.png', bytes))).img), colours, 0);
    });

    it('reads 16-bit gray', async () => {
      const levels: Rgb[][] = [[0, 100, 255].map((v): Rgb => [v, v, v])];
      const bytes = await blocks(levels).toColourspace('grey16').png().toBuffer();
      expect((await sharp(bytes).metadata()).depth).to.equal('ushort');
      expectColours(blockColours((await readImage(folder.write('gray16.png', bytes))).img), levels, 1);
    });

    it('puts transparent parts on white', async () => {
      const bytes = await blocks(colours).ensureAlpha(0.5).png().toBuffer();
      const half = colours.map((row) => row.map((rgb) => rgb.map((v) => (v + 255) / 2) as unknown as Rgb));
      expectColours(blockColours((await readImage(folder.write('alpha.png', bytes))).img), half, 1);
    });

    it('reads a palette PNG', async () => {
      const bytes = await blocks(colours).png({ palette: true }).toBuffer();
      expectColours(blockColours((await readImage(folder.write('palette.png', bytes))).img), colours, 0);
    });

    it('reads a CMYK JPEG by its colours, not by its inks', async () => {
      const bytes = await blocks(colours).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
      expect((await sharp(bytes).metadata()).space).to.equal('cmyk');
      const [[r, g, b]] = blockColours((await readImage(folder.write('cmyk.jpg', bytes))).img) as [
        [Rgb, Rgb, Rgb],
      ];
      // Ink cannot show every screen colour: the largest channel tells which it was.
      for (const [i, rgb] of [r, g, b].entries()) expect(rgb.indexOf(Math.max(...rgb))).to.equal(i);
    });

    it('reads a progressive JPEG', async () => {
      const bytes = await blocks(colours).jpeg({ progressive: true, quality: 100 }).toBuffer();
      expectColours(blockColours((await readImage(folder.write('progressive.jpg', bytes))).img), colours, 3);
    });

    for (const golden of ['golden-ssd-oidv4-tflite', 'golden-face']) {
      const image = readJson<{ images: { file: string; rgb_sha256: string }[] }>(`goldens/zoo/${golden}.json`)
        .images[0]!;
      it(`reads ${image.file} to the bit`, async () => {
        const { data } = (await readImage(`${root}examples/images/${image.file}`)).img;
        expect(createHash('sha256').update(data).digest('hex')).to.equal(image.rgb_sha256);
      });
    }

    it('goes by the content of a file, not by its name', async () => {
      const bytes = await blocks(colours).png().toBuffer();
      expect((await readImage(folder.write('really-png.jpg', bytes))).format).to.equal('png');
    });
  });

  describe('what cannot be read', () => {
    const truncate = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);

    it('a missing file', async () => {
      const error = await failure(folder.path('missing.png'));
      expect(error.reason).to.equal('no such file');
      expect(error.message).to.equal(`${folder.path('missing.png')}: no such file`);
    });

    it('a folder', async () => {
      expect((await failure(folder.path('.'))).reason).to.equal('is a folder, expected a picture');
    });

    it('an empty file', async () => {
      expect((await failure(folder.write('empty.jpg', ''))).reason).to.equal('the file is empty');
    });

    it('text with the name of a picture', async () => {
      const error = await failure(folder.write('text.jpg', 'this is not a picture\n'));
      expect(error.reason).to.equal('not a PNG, JPEG, WebP, AVIF, GIF or TIFF picture');
    });

    it('HEIC, and it says what to do', async () => {
      const bytes = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');
      const error = await failure(folder.write('phone.heic', bytes));
      expect(error.reason).to.match(/^HEIC is not supported, .* save it as JPEG: on the phone /);
    });

    it('a drawing (SVG)', async () => {
      const error = await failure(
        folder.write('drawing.png', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      );
      expect(error.reason).to.equal('SVG is not supported; use PNG, JPEG, WebP, AVIF, GIF or TIFF');
    });

    for (const format of ['png', 'jpeg', 'webp'] as const) {
      it(`a ${format} that is cut short`, async () => {
        const bytes = await sharp(photo).toFormat(format).toBuffer();
        const error = await failure(folder.write(`cut.${format}`, truncate(bytes)));
        expect(error.reason.toLowerCase()).to.match(new RegExp(`^broken ${format} picture \\(`));
        expect(error.message).not.to.include('\n');
      });

      it(`a ${format} with nothing after its first bytes`, async () => {
        const bytes = await sharp(photo).toFormat(format).toBuffer();
        const error = await failure(folder.write(`head.${format}`, bytes.subarray(0, 20)));
        expect(error.reason.toLowerCase()).to.match(new RegExp(`^broken ${format} picture`));
      });
    }

    it('a PNG with damaged bytes in the middle', async () => {
      const bytes = readFileSync(photo);
      for (let i = 0; i < 40; i++) bytes[(bytes.length >> 1) + i]! ^= 0x55;
      expect((await failure(folder.write('damaged.png', bytes))).reason).to.match(/^broken PNG picture/);
    });
  });

  describe('round trip', () => {
    const rgba = ({ data: rgb, shape: [height, width] }: Image<Uint8Array>): Image<Uint8ClampedArray> => {
      const data = new Uint8ClampedArray(width * height * 4).fill(255);
      for (let i = 0; i < width * height; i++) data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
      return { data, shape: [height, width, 4] };
    };

    for (const [format, tolerance] of Object.entries({ png: 0, jpeg: 2.5, webp: 3 }) as [
      ImageFormat,
      number,
    ][]) {
      for (const [kind, prepare] of [
        ['RGB', (img: Image<Uint8Array>) => img],
        ['RGBA', rgba],
      ] as const) {
        it(`writes and reads a photo in ${kind} as ${format}`, async () => {
          const { img } = await readImage(photo);
          expect(img.shape).to.deep.equal([300, 451, 3]);
          const file = folder.path(`photo.${format}`);
          await writeImage(file, prepare(img), format);
          const again = await readImage(file);
          expect(again.format).to.equal(format);
          expect(again.img.shape).to.deep.equal(img.shape);
          const difference = again.img.data.reduce((sum, v, k) => sum + Math.abs(v - img.data[k]!), 0);
          expect(difference / img.data.length).to.be.at.most(tolerance);
        });
      }
    }

    it('says which file cannot be written', async () => {
      const file = folder.path('no/such/folder/x.png');
      try {
        await writeImage(file, { data: new Uint8ClampedArray(4), shape: [1, 1, 4] }, 'png');
      } catch (error) {
        expect((error as Error).message).to.match(new RegExp(`^cannot write ${file}: `));
        return;
      }
      throw new Error('it was written');
    });
  });
});
