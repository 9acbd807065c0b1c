/** `chaingrad classify` and `chaingrad segment` from outside, with small networks of random weights. */
import { useBackend } from '@chaingrad/core';
import { FeaturePredictor, MobileNetV2, SegNetBasic } from '@chaingrad/vision';
import { save } from '@chaingrad/weights';
import { expect } from 'chai';
import sharp from 'sharp';
import type { ClassifiedImage } from '../../packages/cli/src/commands/classify/run.ts';
import type { SegmentedImage } from '../../packages/cli/src/commands/segment/run.ts';
import { readImage } from '../../packages/cli/src/images.ts';
import { blocks, chaingrad, colours, temporaryFolder } from './support.ts';

interface Report<T> {
  readonly model: string;
  readonly backend: string;
  readonly images: T[];
}

describe('cli/classify', () => {
  const folder = temporaryFolder();
  let picture: string;
  let probabilities: Float32Array;
  before(async () => {
    await useBackend('wasm');
    picture = folder.write('blocks.png', await blocks(colours).png().toBuffer());
    using model = new MobileNetV2({ nClass: 3 }).initialize([1, 64, 64, 3]);
    await save(folder.path('net.npz'), model);
    const predictor = new FeaturePredictor(model as never, { cropSize: 224, scaleSize: 256 });
    const { img } = await readImage(picture);
    ({ data: probabilities } = (await predictor.predict([img])) as { data: Float32Array });
    folder.write('labels.txt', 'ant\nbee\ncat\n');
  });
  const net = () => ['--model', 'mobilenet-v2', '--weights', folder.path('net.npz')];

  it('prints the likeliest classes, as the program computes them', async () => {
    const args = [
      'classify',
      picture,
      ...net(),
      '--labels',
      folder.path('labels.txt'),
      '--top',
      '2',
      '--json',
    ];
    const { code, stdout, stderr } = await chaingrad(args);
    expect([code, stderr]).to.deep.equal([0, '']);
    const { model, images } = JSON.parse(stdout) as Report<ClassifiedImage>;
    expect(model).to.equal('mobilenet-v2');
    const [image] = images;
    expect([image!.file, image!.width, image!.height]).to.deep.equal([picture, 48, 32]);
    const order = [0, 1, 2].sort((a, b) => probabilities[b]! - probabilities[a]!);
    expect(image!.classes.map(({ label }) => label)).to.deep.equal(
      order.slice(0, 2).map((l) => ['ant', 'bee', 'cat'][l]),
    );
    for (const [i, { probability }] of image!.classes.entries())
      expect(probability).to.be.closeTo(probabilities[order[i]!]!, 1e-4);
  });

  it('prints text, and goes on after a broken file', async () => {
    const broken = folder.write('broken.png', 'no picture');
    const { code, stdout, stderr } = await chaingrad(['classify', broken, picture, picture, ...net()]);
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: \S+broken\.png: not a PNG/);
    const note = /note: the weights do not tell the names of their classes.*--labels FILE/g;
    expect(stderr.match(note), 'said once').to.have.lengthOf(1);
    const lines = stdout.split('\n');
    expect(lines[0]).to.match(/^\S+blocks\.png {2}48x32 {2}[\d.]+ ms$/);
    expect(lines.slice(1, 4).every((line) => /^ {2}class \d {2}0\.\d{3}$/.test(line))).to.equal(true);
  });

  it('says what is missing, and what does not fit', async () => {
    const bare = await chaingrad(['classify', picture, '--model', 'resnet18']);
    expect([bare.code, bare.stderr]).to.deep.equal([
      1,
      'error: resnet18 has no weights of its own: pass --weights FILE\n',
    ]);
    const two = folder.write('two.txt', 'a\nb\n');
    const wrong = await chaingrad(['classify', picture, ...net(), '--labels', two]);
    expect(wrong.stderr).to.include(
      'mobilenet-v2 has 3 classes with these weights, but --labels has 2 names',
    );
  });
});

describe('cli/segment', () => {
  const folder = temporaryFolder();
  let picture: string;
  let label: Int32Array;
  before(async () => {
    await useBackend('wasm');
    picture = folder.write('blocks.png', await blocks(colours).png().toBuffer());
    using model = new SegNetBasic({ nClass: 4 }).initialize([1, 32, 32, 3]);
    await save(folder.path('net.npz'), model);
    const { img } = await readImage(picture);
    const [found] = await model.predict([img]);
    label = found!.data;
    folder.write('labels.txt', 'sky\nroad\ntree\ncar\n');
  });
  const net = () => ['--model', 'segnet-camvid', '--weights', folder.path('net.npz')];

  it('prints the share of each class, and colours the picture', async () => {
    const out = folder.path('out');
    const labels = ['--labels', folder.path('labels.txt')];
    const { code, stdout, stderr } = await chaingrad([
      'segment',
      picture,
      ...net(),
      ...labels,
      '--alpha',
      '1',
      '--out',
      out,
      '--json',
    ]);
    expect([code, stderr]).to.deep.equal([0, `wrote ${out}/blocks.png\n`]);
    const { images } = JSON.parse(stdout) as Report<SegmentedImage>;
    const names = ['sky', 'road', 'tree', 'car'];
    for (const { label: name, share } of images[0]!.classes) {
      const count = label.filter((l) => names[l] === name).length;
      expect(share).to.be.closeTo(count / label.length, 1e-4);
    }
    expect(images[0]!.classes.reduce((sum, { share }) => sum + share, 0)).to.be.closeTo(1, 1e-3);
    const { data, info } = await sharp(`${out}/blocks.png`).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).to.deep.equal([48, 32]);
    // Pascal VOC's first four colours.
    const colors = ['0,0,0', '128,0,0', '0,128,0', '128,128,0'];
    const differ = label.filter((l, i) => [...data.subarray(3 * i, 3 * i + 3)].join() !== colors[l]).length;
    expect(differ / label.length).to.be.lessThan(0.01);
  });

  it('prints text, and says what does not fit', async () => {
    const { code, stdout } = await chaingrad(['segment', picture, ...net(), '--out', folder.path('text')]);
    expect(code).to.equal(0);
    expect(stdout).to.match(
      /^\S+blocks\.png {2}48x32 {2}[\d.]+ ms {2}-> \S+blocks\.png\n(?: {2}class \d {2}[\d.]+ %\n)+$/,
    );
    const two = folder.write('two.txt', 'a\nb\n');
    const wrong = await chaingrad(['segment', picture, ...net(), '--labels', two, '--out', folder.path('x')]);
    expect(wrong.stderr).to.include(
      'segnet-camvid has 4 classes with these weights, but --labels has 2 names',
    );
    const unknown = await chaingrad(['segment', picture, '--model', 'unet']);
    expect(unknown.stderr).to.include('deeplab-voc');
  });
});
