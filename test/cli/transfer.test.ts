/** `chaingrad transfer` on files, and what `detect` does with them. */

import { existsSync } from 'node:fs';
import { readArray, useBackend } from '@chaingrad/core';
import { SSDMobileNetV2 } from '@chaingrad/vision';
import { openWeights, save } from '@chaingrad/weights';
import { expect } from 'chai';
import { chaingrad, root, temporaryFolder } from './support.ts';

const photo = `${root}examples/images/chelsea.png`;

describe('cli/transfer', () => {
  const folder = temporaryFolder();
  /** The default detector's parameters as an npz file: 23 classes. */
  let source = '';
  let target = '';

  before(async () => {
    await useBackend('cpu');
    using model = await SSDMobileNetV2.fromPretrained();
    source = folder.path('source.npz');
    target = folder.path('new/folder/target.npz');
    await save(source, model);
  });

  it('copies what fits, and reports the rest with both shapes', async () => {
    const args = ['transfer', '--from', source, '--to', 'ssd-mobilenet-v2-oid:nFgClass=3', '--out', target];
    const { code, stdout, stderr } = await chaingrad(args);
    expect([code, stderr]).to.deep.equal([0, '']);
    const lines = stdout.split('\n');
    expect(lines[0]).to.match(/^copied 132 \([\d,]+ values\)$/);
    expect(lines[1]).to.equal('shapes differ 12:');
    expect(lines[2]).to.equal('  /multibox/conf/0/W  source (72, 576, 1, 1), destination (12, 576, 1, 1)');
    expect(lines.slice(2, 14).map((line) => line.trim().split(' ')[0])).to.deep.equal(
      [0, 1, 2, 3, 4, 5].flatMap((i) => [`/multibox/conf/${i}/W`, `/multibox/conf/${i}/b`]),
    );
    expect(lines.slice(14)).to.deep.equal([`wrote ${target}`, '']);
  });

  it('writes the copied values to the bit, and finite ones for the new layers', async () => {
    await using from = await openWeights(source);
    await using to = await openWeights(target);
    expect(to.keys().sort()).to.deep.equal(from.keys().sort());
    for (const key of to.keys()) {
      if (key.startsWith('multibox/conf/')) {
        const { data } = (await readArray(to, key)) as { data: Float32Array };
        expect(data.every(Number.isFinite)).to.equal(true);
      } else expect(await readArray(to, key)).to.deep.equal(await readArray(from, key));
    }
    const { shape, data } = (await readArray(to, 'multibox/conf/0/W')) as {
      shape: readonly number[];
      data: Float32Array;
    };
    expect(shape).to.deep.equal([12, 576, 1, 1]);
    expect(new Set(data).size).to.be.greaterThan(1000);
  });

  for (const ending of ['npz', 'safetensors']) {
    it(`makes files that detect reads: the same objects from the same parameters, .${ending}`, async () => {
      const whole = folder.path(`whole.${ending}`);
      const to = 'ssd-mobilenet-v2-oid';
      expect((await chaingrad(['transfer', '--from', source, '--to', to, '--out', whole])).code).to.equal(0);
      const args = ['detect', photo, '--weights', whole, '--json', '--out', folder.path('out')];
      const { objects } = JSON.parse((await chaingrad(args)).stdout).images[0];
      expect(objects).to.have.length(1);
      expect(objects[0].label).to.equal('Cat');
      expect(objects[0].score).to.be.closeTo(0.85, 0.005);
    });
  }

  it('makes files that detect reads: the classes of the new model, by number or by name', async () => {
    const detect = async (...args: string[]) => {
      const all = ['detect', photo, '--weights', target, '--json', '--out', folder.path('out'), ...args];
      const { code, stdout, stderr } = await chaingrad([...all, '--score-thresh', '0.2']);
      if (code !== 0) return stderr;
      const { objects } = JSON.parse(stdout).images[0] as { objects: { label: string }[] };
      return [...new Set(objects.map(({ label }) => label))].sort().join();
    };
    // Heads that have learned nothing find anything; which of the three classes is left to chance.
    expect(await detect()).to.match(/^class [012](,class [012])*$/);
    const labels = folder.write('labels.txt', 'RBC\nWBC\nPlatelets\n');
    expect(await detect('--labels', labels)).to.match(/^(RBC|WBC|Platelets)(,(RBC|WBC|Platelets))*$/);
    expect(await detect('--n-fg-class', '3')).to.match(/^class [012]/);
    expect(await detect('--n-fg-class', '4')).to.equal(
      'error: ssd-mobilenet-v2-oid has 3 classes with these weights, but --n-fg-class or --labels says 4\n',
    );
  });

  it('says in one line when nothing fits, and writes nothing', async () => {
    const out = folder.path('nothing.npz');
    const args = ['transfer', '--from', source, '--to', 'vgg16:nClass=10', '--out', out];
    const { code, stdout, stderr } = await chaingrad(args);
    expect([code, stdout]).to.deep.equal([1, '']);
    expect(stderr).to.equal(
      `error: nothing in ${source} fits vgg16:nClass=10: 0 parameters have other shapes, ` +
        '144 names are in the file only (/extractor/blocks/0/dw/W, ...), ' +
        '32 names are in the model only (/conv1_1/conv/W, ...)\n',
    );
    expect(existsSync(out)).to.equal(false);
  });

  it('says in one line what is wrong with the file or the model', async () => {
    const refused = async (from: string, to: string) => {
      const out = folder.path('never.npz');
      const { code, stdout, stderr } = await chaingrad([
        'transfer',
        '--from',
        from,
        '--to',
        to,
        '--out',
        out,
      ]);
      expect([code, stdout, existsSync(out)]).to.deep.equal([1, '', false]);
      expect(stderr.split('\n')).to.have.length(2);
      return stderr;
    };
    expect(await refused(folder.path('missing.npz'), 'ssd300')).to.include('no such file');
    expect(await refused(folder.write('text.npz', 'text'), 'ssd300')).to.include(
      'text.npz: expected a file of weights',
    );
    expect(await refused(source, 'ssd301')).to.include(
      "unknown model 'ssd301'; valid are: centernet-mobilenetv3-coco, ssd-mobilenet-v2-oid",
    );
  });
});
