/** `chaingrad detect` from outside, with the real detectors. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect } from 'chai';
import sharp from 'sharp';
import type { ImageResult } from '../../packages/cli/src/commands/detect/run.ts';
import { readJson } from '../support/goldens.ts';
import { requirePresent } from '../support/present.ts';
import { chaingrad, nodeArgs, root, temporaryFolder } from './support.ts';

const chelsea = `${root}examples/images/chelsea.png`;
/** The detector whose answers TFLite itself has given. */
const ssd = ['--model', 'ssd-mobilenet-v2-oid'];
const astronaut = `${root}examples/images/astronaut.png`;

interface Report {
  readonly model: string;
  readonly backend: string;
  readonly images: ImageResult[];
}

/** What TFLite itself finds in the photo, in pixels. */
const golden = readJson<{
  images: {
    width: number;
    height: number;
    detections: { label: string; score: number; box_yxyx: number[] }[];
  }[];
}>('goldens/zoo/golden-ssd-oidv4-tflite.json').images[0]!;
const cat = golden.detections[0]!;
const catBox = cat.box_yxyx.map((value, i) => value * (i % 2 === 0 ? golden.height : golden.width));

function expectCat(image: ImageResult): void {
  expect([image.width, image.height]).to.deep.equal([golden.width, golden.height]);
  expect(image.objects.map(({ label }) => label)).to.deep.equal(['Cat']);
  const { score, bbox } = image.objects[0]!;
  expect(score).to.be.closeTo(cat.score, 0.005);
  for (const [i, value] of bbox.entries()) expect(value).to.be.closeTo(catBox[i]!, 1);
}

describe('cli/detect', () => {
  const folder = temporaryFolder();
  let at = 0;
  /** A new folder for the output of one test. */
  const newOut = () => folder.path(`out-${at++}`);
  const cut = async (format: 'png' | 'jpeg') => {
    const bytes = await sharp(chelsea).toFormat(format).toBuffer();
    return folder.write(`cut.${format}`, bytes.subarray(0, bytes.length >> 1));
  };

  it('prints every object and draws it, and says where', async () => {
    const out = newOut();
    const { code, stdout, stderr } = await chaingrad(['detect', chelsea, ...ssd, '--out', out]);
    expect([code, stderr]).to.deep.equal([0, '']);
    const [first, second, ...rest] = stdout.split('\n');
    expect(first).to.match(/^\S+chelsea\.png {2}451x300 {2}[\d.]+ ms {2}-> \S+chelsea\.png$/);
    expect(first!.split(' -> ')[1]).to.equal(`${out}/chelsea.png`);
    expect(second).to.match(
      /^ {2}Cat {2}0\.85\d {2}ymin -?[\d.]+ {2}xmin [\d.]+ {2}ymax [\d.]+ {2}xmax [\d.]+$/,
    );
    expect(rest).to.deep.equal(['']);

    const [before, after] = await Promise.all(
      [chelsea, `${out}/chelsea.png`].map((file) => sharp(file).raw().toBuffer({ resolveWithObject: true })),
    );
    expect(after!.info).to.include({ width: 451, height: 300, channels: 3 });
    const changed = (y: number, x: number) =>
      [0, 1, 2].some((c) => before!.data[3 * (451 * y + x) + c] !== after!.data[3 * (451 * y + x) + c]);
    // The right side of the box is drawn, the middle of the picture is as it was.
    const right = Math.round(catBox[3]!);
    for (let y = 40; y < 260; y++) {
      expect([-1, 0, 1].some((dx) => changed(y, right + dx))).to.equal(true);
      expect(changed(y, 220)).to.equal(false);
    }
  });

  it('prints one JSON object on stdout with --json, and nothing else there', async () => {
    const out = newOut();
    const { code, stdout, stderr } = await chaingrad(['detect', chelsea, ...ssd, '--json', '--out', out]);
    expect(code).to.equal(0);
    const report = JSON.parse(stdout) as Report;
    expect(Object.keys(report)).to.deep.equal(['model', 'backend', 'images']);
    expect(report).to.include({ model: 'ssd-mobilenet-v2-oid', backend: 'wasm' });
    expect(Object.keys(report.images[0]!)).to.deep.equal(['file', 'width', 'height', 'ms', 'objects']);
    expect(Object.keys(report.images[0]!.objects[0]!)).to.deep.equal(['label', 'score', 'bbox']);
    expect(report.images[0]!.file).to.equal(chelsea);
    expect(report.images[0]!.ms).to.be.greaterThan(0);
    expectCat(report.images[0]!);
    expect(stderr).to.equal(`wrote ${out}/chelsea.png\n`);
    expect(existsSync(`${out}/chelsea.png`)).to.equal(true);
  });

  it('gives the same on the cpu backend', async () => {
    const { stdout } = await chaingrad([
      'detect',
      chelsea,
      ...ssd,
      '--json',
      '--backend',
      'cpu',
      '--out',
      newOut(),
    ]);
    const report = JSON.parse(stdout) as Report;
    expect(report.backend).to.equal('cpu');
    expectCat(report.images[0]!);
  });

  it('finds by default, and by its name, what the classes of COCO call a cat', async () => {
    const found = async (...args: string[]) => {
      const { stdout } = await chaingrad(['detect', chelsea, '--json', '--out', newOut(), ...args]);
      const { model, images } = JSON.parse(stdout) as Report;
      expect(model).to.equal('centernet-mobilenetv3-coco');
      return images[0]!.objects;
    };
    const objects = await found();
    expect(objects.map(({ label }) => label)).to.deep.equal(['cat']);
    for (const [i, value] of objects[0]!.bbox.entries()) expect(value).to.be.closeTo(catBox[i]!, 25);
    const graph = `${root}node_modules/@vladmandic/human/models/centernet.json`;
    expect(await found('--model', 'centernet-mobilenetv3-coco', '--weights', graph)).to.deep.equal(objects);
  });

  it('refuses with one line what CenterNet has none of', async () => {
    for (const [option, value, what] of [
      ['--tiles', '2', 'leave --tiles out'],
      ['--names', 'torch', '--names is for the other detectors'],
      ['--n-fg-class', '3', 'has 80 classes'],
    ] as const) {
      const { code, stderr } = await chaingrad(['detect', chelsea, option, value, '--out', newOut()]);
      expect(code).to.equal(1);
      expect(stderr).to.contain(what);
      expect(stderr.split('\n')).to.have.length(2);
    }
  });

  it('writes to ./chaingrad-out without --out', async () => {
    mkdirSync(folder.path('cwd'));
    const { code } = await chaingrad(['detect', chelsea], folder.path('cwd'));
    expect(code).to.equal(0);
    expect(readdirSync(folder.path('cwd/chaingrad-out'))).to.deep.equal(['chelsea.png']);
  });

  it('finds faces', async () => {
    const face = readJson<{ images: { detections: { score: number; box_px: Record<string, number> }[] }[] }>(
      'goldens/zoo/golden-face.json',
    ).images[0]!.detections[0]!;
    const { x, y, width, height } = face.box_px as { x: number; y: number; width: number; height: number };
    const args = ['detect', astronaut, '--model', 'face', '--json', '--out', newOut()];
    const report = JSON.parse((await chaingrad(args)).stdout) as Report;
    expect(report.model).to.equal('face');
    const { objects } = report.images[0]!;
    expect(objects.map(({ label }) => label)).to.deep.equal(['face']);
    expect(objects[0]!.score).to.be.closeTo(face.score, 0.005);
    for (const [i, value] of [y, x, y + height, x + width].entries()) {
      expect(objects[0]!.bbox[i]).to.be.closeTo(value, 1);
    }
  });

  it('keeps to the thresholds', async () => {
    const count = async (...args: string[]) => {
      const { stdout } = await chaingrad(['detect', chelsea, ...ssd, '--json', '--out', newOut(), ...args]);
      const { objects } = (JSON.parse(stdout) as Report).images[0]!;
      const scores = objects.map(({ score }) => score);
      expect(scores).to.deep.equal([...scores].sort((a, b) => b - a));
      return scores.length;
    };
    const few = await count('--score-thresh', '0.1');
    expect(few).to.be.greaterThan(1);
    expect(await count('--score-thresh', '0.1', '--nms-thresh', '1')).to.be.greaterThan(few);
    expect(await count('--score-thresh', '0.9')).to.equal(0);
    const { stdout } = await chaingrad([
      'detect',
      chelsea,
      ...ssd,
      '--score-thresh',
      '0.9',
      '--out',
      newOut(),
    ]);
    expect(stdout).to.match(/\n {2}no objects found\n$/);
  });

  it('takes names of classes from a file, which must be as many as the classes', async () => {
    const names = Array.from({ length: 23 }, (_, i) => (i === 7 ? 'Katze' : `Nr. ${i}`));
    const labels = folder.write('labels.txt', names.join('\n'));
    const { stdout } = await chaingrad([
      'detect',
      chelsea,
      ...ssd,
      '--labels',
      labels,
      '--json',
      '--out',
      newOut(),
    ]);
    expect((JSON.parse(stdout) as Report).images[0]!.objects[0]!.label).to.equal('Katze');

    const few = folder.write('few.txt', 'a\nb\n');
    const {
      code,
      stdout: nothing,
      stderr,
    } = await chaingrad(['detect', chelsea, ...ssd, '--labels', few, '--out', newOut()]);
    expect([code, nothing]).to.deep.equal([1, '']);
    expect(stderr).to.equal(
      'error: ssd-mobilenet-v2-oid has 23 classes with these weights, but --n-fg-class or --labels says 2\n',
    );
  });

  describe('EXIF orientation', () => {
    for (const [orientation, upright] of [
      [3, { rotate: 180 }],
      [6, { rotate: 270 }],
      [8, { rotate: 90 }],
    ] as const) {
      it(`sees a picture with orientation ${orientation} upright, and writes it so`, async () => {
        // Turned the other way, so that a viewer that obeys shows the photo as it is.
        const bytes = await sharp(chelsea)
          .rotate(upright.rotate)
          .withMetadata({ orientation })
          .png()
          .toBuffer();
        const out = newOut();
        const file = folder.write(`turned-${orientation}.png`, bytes);
        const { stdout } = await chaingrad(['detect', file, ...ssd, '--json', '--out', out]);
        expectCat((JSON.parse(stdout) as Report).images[0]!);
        const { width, height, orientation: left } = await sharp(`${out}/${basename(file)}`).metadata();
        expect([width, height, left ?? 1]).to.deep.equal([451, 300, 1]);
      });
    }
  });

  describe('a file that is no picture', () => {
    const refused = async (file: string, reason: RegExp) => {
      const { code, stdout, stderr } = await chaingrad(['detect', file, '--out', newOut()]);
      expect(code).to.equal(1);
      expect(stdout).to.equal('');
      expect(stderr.split('\n')).to.have.length(2);
      expect(stderr.startsWith(`error: ${file}: `)).to.equal(true, stderr);
      expect(stderr).to.match(reason);
    };

    it('is missing', () => refused(folder.path('missing.png'), /: no such file\n$/));
    it('is text', () =>
      refused(folder.write('text.jpg', 'text\n'), /: not a PNG, JPEG, WebP, AVIF, GIF or TIFF picture\n$/));
    it('is a PNG cut short', async () => refused(await cut('png'), /: broken PNG picture \(.+\)\n$/));
    it('is a JPEG cut short', async () => refused(await cut('jpeg'), /: broken JPEG picture \(.+\)\n$/));
  });

  it('does the others when one of several files is broken, and exits with 1', async () => {
    const jpeg = folder.write('good.jpg', await sharp(chelsea).jpeg({ quality: 95 }).toBuffer());
    const files = [folder.path('missing.png'), chelsea, await cut('png'), jpeg];
    const out = newOut();
    const { code, stdout, stderr } = await chaingrad(['detect', ...files, ...ssd, '--json', '--out', out]);
    expect(code).to.equal(1);
    const report = JSON.parse(stdout) as Report;
    expect(report.images.map(({ file }) => file)).to.deep.equal([chelsea, jpeg]);
    for (const image of report.images) expect(image.objects[0]!.label).to.equal('Cat');
    expect(readdirSync(out).sort()).to.deep.equal(['chelsea.png', 'good.jpg']);
    expect(stderr.split('\n').map((line) => line.replace(/:? ?\(.*/, ''))).to.deep.equal([
      `error: ${files[0]}: no such file`,
      `wrote ${out}/chelsea.png`,
      `error: ${files[2]}: broken PNG picture`,
      `wrote ${out}/good.jpg`,
      '',
    ]);
  });

  it('prints an empty list when no file could be read', async () => {
    const { code, stdout } = await chaingrad([
      'detect',
      folder.path('none.png'),
      '--json',
      '--out',
      newOut(),
    ]);
    expect(code).to.equal(1);
    expect((JSON.parse(stdout) as Report).images).to.deep.equal([]);
  });

  it('reads gray, transparent and 16-bit pictures and WebP, and writes each in its own format', async () => {
    const inputs = {
      'gray.png': sharp(chelsea).toColourspace('b-w').png(),
      'alpha.png': sharp(chelsea).ensureAlpha(1).png(),
      '16.png': sharp(chelsea).toColourspace('rgb16').png(),
      'photo.webp': sharp(chelsea).webp({ quality: 95 }),
    };
    const files = await Promise.all(
      Object.entries(inputs).map(async ([name, image]) => folder.write(name, await image.toBuffer())),
    );
    const out = newOut();
    const { code, stdout, stderr } = await chaingrad(['detect', ...files, ...ssd, '--json', '--out', out]);
    expect(code).to.equal(0, stderr);
    const { images } = JSON.parse(stdout) as Report;
    for (const { objects } of images) expect(objects[0]!.label).to.equal('Cat');
    for (const name of ['alpha.png', '16.png']) expectCat(images[Object.keys(inputs).indexOf(name)]!);
    const formats = await Promise.all(
      Object.keys(inputs).map(async (name) => (await sharp(`${out}/${name}`).metadata()).format),
    );
    expect(formats).to.deep.equal(['png', 'png', 'png', 'webp']);
  });

  it('never writes over a picture that it reads', async () => {
    mkdirSync(folder.path('same'));
    const file = folder.path('same/chelsea.png');
    copyFileSync(chelsea, file);
    await chaingrad(['detect', file, '--out', folder.path('same')]);
    expect(readFileSync(file).equals(readFileSync(chelsea))).to.equal(true);
    expect(readdirSync(folder.path('same')).sort()).to.deep.equal(['chelsea-2.png', 'chelsea.png']);
  });

  it('tells in one line what is wrong with weights', async () => {
    const refused = async (weights: string, ...args: string[]) => {
      const { code, stdout, stderr } = await chaingrad([
        'detect',
        chelsea,
        '--weights',
        weights,
        '--out',
        newOut(),
        ...args,
      ]);
      expect([code, stdout]).to.deep.equal([1, '']);
      expect(stderr.split('\n')).to.have.length(2);
      expect(stderr.length).to.be.lessThan(300);
      expect(stderr).to.include(weights);
    };
    const text = folder.write('text.npz', 'text');
    await refused(folder.path('missing.npz'));
    await refused(text);
    await refused(text, '--model', 'ssd300');
    await refused(text, '--model', 'face');
    await refused(folder.write('damaged.npz', 'PK\u0003\u0004damaged'), '--model', 'ssd300');
  });

  it("takes the weights of ssd300 from Chainer's cache, and names a file there that is none", async () => {
    const models = folder.path('chainer/pfnet/chainercv/models');
    mkdirSync(models, { recursive: true });
    const file = `${models}/ssd300_voc0712_converted_2017_06_06.npz`;
    const args = ['detect', chelsea, '--model', 'ssd300', '--out', newOut()];
    for (const content of ['text', 'PK\u0003\u0004damaged']) {
      writeFileSync(file, content);
      const env = { CHAINER_DATASET_ROOT: folder.path('chainer') };
      const { code, stdout, stderr } = await chaingrad(args, root, env);
      expect([code, stdout]).to.deep.equal([1, '']);
      expect(stderr.split('\n')).to.have.length(2);
      expect(stderr.startsWith(`error: ${file}: expected `)).to.equal(true, stderr);
    }
  });

  describe('the progress bar', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminals are controlled by control characters.
    const control = /[\u001b\r]|░/;

    it('is absent where stderr is no terminal', async () => {
      const { stdout, stderr } = await chaingrad(['detect', chelsea, '--out', newOut()]);
      expect(stdout + stderr).not.to.match(control);
    });

    it('is drawn on a terminal', function () {
      // util-linux's `script` runs a command on a terminal of its own.
      requirePresent(spawnSync('script', ['--version']).status === 0, "util-linux's script", this);
      const words = [process.execPath, ...nodeArgs('detect', chelsea, ...ssd, '--json', '--out', newOut())];
      const stdoutFile = folder.path('stdout.json');
      const command = `${words.map((word) => `'${word}'`).join(' ')} > '${stdoutFile}'`;
      const { stdout: terminal } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8' });
      expect(terminal).to.include(`░ 0/1 ${chelsea}`);
      expectCat((JSON.parse(readFileSync(stdoutFile, 'utf8')) as Report).images[0]!);
    });
  });
});
