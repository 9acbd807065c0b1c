import { copyFileSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { calibrationOf, useBackend } from '@chaingrad/core';
import { SSDMobileNetV2 } from '@chaingrad/vision';
import { openWeights, readAbout, readCalibration, save } from '@chaingrad/weights';
import { expect } from 'chai';
import { spread } from '../../../packages/cli/src/commands/convert/calibrated.ts';
import { size } from '../../../packages/cli/src/commands/convert/index.ts';
import { writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { fixturePath } from '../../support/goldens.ts';
import { chaingrad, temporaryFolder } from '../support.ts';

const floats = (...shape: number[]) => ({
  shape,
  dtype: 'float32' as const,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)),
});

describe('chaingrad convert', () => {
  const folder = temporaryFolder();

  it('writes half precision, and prints what it loses', async () => {
    const input = folder.write(
      'in.npz',
      writeNpz([
        ['W', floats(100, 100)],
        ['b', floats(100)],
      ]),
    );
    const output = folder.path('out/half.safetensors');
    const { code, stdout } = await chaingrad(['convert', input, output, '--dtype', 'f16']);
    expect(code).to.equal(0);
    expect(stdout).to.match(/wrote .*half\.safetensors \(0\.02 MB\)/);
    expect(stdout).to.match(/1 arrays, 10,000 values changed by 0\.0\d+ % \(root mean square\)/);
    expect(statSync(output).size).to.be.within(20_400, 21_000);
  });

  it("quantizes into shards, and maps another framework's names", async () => {
    const output = folder.path('tiny.json');
    const args = [
      'convert',
      fixturePath('tinyvgg/model.json'),
      output,
      '--names',
      'tiny-vgg',
      '--dtype',
      'u8',
      '--shards',
      '10kB',
    ];
    const { code, stdout } = await chaingrad(args);
    expect(code).to.equal(0);
    expect(stdout).to.match(/5 arrays, .* values changed by [\d.]+ %/);
    expect(existsSync(folder.path('tiny-00001-of-00003.bin'))).to.equal(true);
  });

  it('says in one line what is wrong, and writes nothing', async () => {
    const input = folder.write('page.npz', '<html>');
    const output = folder.path('none.npz');
    const cases: [string[], RegExp][] = [
      [['convert', input, output], /page\.npz: expected a file of weights .* got "<html>"/],
      [['convert', folder.path('missing.npz'), output], /no such file/],
      [['convert', input, output, '--dtype', 'u4'], /f16, i8, u8/],
      [['convert', input, output, '--shards', 'many'], /size like 4MB/],
      [
        ['convert', fixturePath('tinyvgg/model.json'), output, '--names', 'x'],
        /valid are: torchvision-vgg16/,
      ],
      [['convert', fixturePath('weights/refused_module.pth'), output], /could be any program/],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await chaingrad(args);
      expect(code).to.equal(1);
      expect(stdout).to.equal('');
      expect(stderr)
        .to.match(message)
        .and.match(/^error: .*\n$/);
    }
    expect(existsSync(output)).to.equal(false);
  });

  it('reads sizes', () => {
    expect(['4MB', '1.5kB', '2KiB'.replace('K', 'k'), '1GiB', '77'].map(size)).to.deep.equal([
      4e6,
      1500,
      2048,
      2 ** 30,
      77,
    ]);
    for (const wrong of ['', '0', '-1MB', '4TB', 'MB']) expect(() => size(wrong)).to.throw('Expected a size');
  });
});

describe('chaingrad convert --dtype i8', () => {
  const folder = temporaryFolder();
  const input = () => folder.path('detector.npz');

  before(async () => {
    await useBackend('cpu');
    using model = await SSDMobileNetV2.fromPretrained();
    model.labelNames = model.labelNames!.map((name) => `my ${name}`);
    await save(input(), model);
    mkdirSync(folder.path('pictures'));
    for (const file of ['images/chelsea.png', 'tinyvgg/car_1.png', 'tinyvgg/koala_1.png'])
      copyFileSync(fixturePath(file), folder.path(`pictures/${file.replace('/', '-')}`));
    folder.write('pictures/broken.png', 'no picture');
    mkdirSync(folder.path('empty'));
    mkdirSync(folder.path('unreadable'));
    folder.write('unreadable/a.png', 'no picture');
    folder.write('unreadable/b.jpg', '');
  });

  it('calibrates with the pictures of a folder, tells one that cannot be read, and keeps what the file had', async () => {
    const output = folder.path('out/small.safetensors');
    const args = ['convert', input(), output, '--dtype', 'i8', '--calibrate', folder.path('pictures')];
    const { code, stdout, stderr } = await chaingrad(args);
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: .*broken\.png: not a .* picture\n$/);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).to.have.length(4);
    expect(lines[0]).to.match(/^wrote .*small\.safetensors \([56]\.\d\d MB\)$/);
    expect(lines[1]).to.match(/^72 arrays, 4,932,288 values changed by 0\.\d+ % /);
    const [, count] = /^(\d+) of 55 convolutions are .* 8 bits, on wasm, with 3 of 4 pictures/.exec(
      lines[3]!,
    )!;
    expect(Number(count)).to.be.within(30, 55);
    // A byte a value, or two where they stay in float.
    expect(statSync(output).size).to.be.within(4_932_288, 1.4 * 4_932_288);
    await using before = await openWeights(input());
    await using after = await openWeights(output);
    expect(after.keys()).to.have.members(before.keys());
    expect(readAbout(after)).to.deep.equal(readAbout(before));
    const ranges = readCalibration(after);
    expect(Object.keys(ranges)).to.have.length(Number(count));
    using model = await SSDMobileNetV2.fromPretrained(output);
    expect(calibrationOf(model)).to.deep.equal(ranges);
    expect(model.labelNames![0]).to.match(/^my /);
    const again = folder.path('again.safetensors');
    const second = await chaingrad(['convert', output, again, '--dtype', 'i8', '--shards', '2MB']);
    expect(second.code, second.stderr).to.equal(0);
    expect(second.stdout).to.match(/^wrote .*again\.safetensors\.index\.json /);
    expect(second.stdout).to.match(/changed by 0\.00 % \(root/);
    expect(second.stdout).to.match(
      new RegExp(`\\n${count} convolutions are calibrated to .*, as they were before\\n$`),
    );
  });

  it('writes weights that are computed with in float, and says so', async () => {
    const output = folder.path('float.safetensors');
    const { code, stdout } = await chaingrad(['convert', input(), output, '--dtype', 'i8']);
    expect(code).to.equal(0);
    expect(stdout).to.match(
      /\na model with these weights computes in float: --calibrate DIR lets it compute in 8 bits, on wasm\n$/,
    );
    await using file = await openWeights(output);
    expect(readCalibration(file)).to.deep.equal({});
  });

  it('says in one line what is wrong, and writes nothing', async () => {
    const output = folder.path('none.safetensors');
    const plain = folder.write('plain.npz', writeNpz([['W', floats(2, 2)]]));
    const pictures = folder.path('pictures');
    const i8 = ['--dtype', 'i8', '--calibrate'];
    const cases: [string[], RegExp][] = [
      [[input(), output, '--calibrate', pictures], /pass --dtype i8, too/],
      [[input(), folder.path('none.npz'), '--dtype', 'i8'], /none\.npz: .* must end in \.safetensors/],
      [[input(), output, ...i8, folder.path('missing')], /missing: no such folder/],
      [[input(), output, ...i8, folder.path('empty')], /empty: the folder has no pictures/],
      [[plain, output, ...i8, pictures], /plain\.npz does not tell of which model .* pass --model/],
      [['centernet-mobilenetv3-coco', output, ...i8, pictures], /no convolutions .*: leave --calibrate out/],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await chaingrad(['convert', ...args]);
      expect(code, args.join(' ')).to.equal(1);
      expect(stdout).to.equal('');
      expect(stderr)
        .to.match(message)
        .and.match(/^error: .*\n$/);
    }
    const none = await chaingrad(['convert', input(), output, ...i8, folder.path('unreadable')]);
    expect(none.code).to.equal(1);
    expect(none.stderr.split('\n')).to.have.length(4);
    expect(none.stderr).to.match(/unreadable: none of its pictures can be read\n$/);
    expect(existsSync(output)).to.equal(false);
  });

  it('looks at 100 pictures at most, spread over the folder', () => {
    const files = Array.from({ length: 1000 }, (_, i) => `${i}.png`);
    expect(spread(files)).to.have.length(100);
    expect(spread(files).slice(0, 3)).to.deep.equal(['0.png', '10.png', '20.png']);
    expect(spread(files).at(-1)).to.equal('990.png');
    expect(new Set(spread(files.slice(0, 101))).size).to.equal(100);
    expect(spread(files.slice(0, 7))).to.deep.equal(files.slice(0, 7));
  });
});
