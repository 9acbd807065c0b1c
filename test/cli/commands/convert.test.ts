import { existsSync, statSync } from 'node:fs';
import { expect } from 'chai';
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
      [['convert', input, output, '--dtype', 'u4'], /f16, u8/],
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
