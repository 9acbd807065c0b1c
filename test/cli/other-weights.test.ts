/** Files that people give to `detect --weights` and that are something else: the error says what. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useBackend } from '@chaingrad/core';
import { expect } from 'chai';
import { openDetector } from '../../packages/cli/src/detector.ts';
import { CliError } from '../../packages/cli/src/errors.ts';
import { writeNpz } from '../../packages/weights/src/formats/npz.ts';
import { rejection } from '../support/errors.ts';
import { fixturePath } from '../support/goldens.ts';
import { floats } from '../weights/support.ts';

describe('detect --weights with a file of something else', () => {
  before(() => useBackend('cpu'));

  it('names a snapshot', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaingrad-other-'));
    try {
      const file = join(folder, 'snapshot_iter_12.npz');
      await writeFile(file, writeNpz([['updater/model:main/extractor/conv0/W', floats([2])]]));
      const error = await rejection(openDetector('ssd-mobilenet-v2-oid', { weights: file }), CliError);
      expect(error).to.match(/snapshot_iter_12\.npz is a snapshot of a training: pass the run's best\.npz/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('names files of other frameworks, and how their names are given', async () => {
    for (const [name, writer] of [
      ['state.pth', 'PyTorch'],
      ['keras.h5', 'Keras'],
    ]) {
      const weights = fixturePath(`weights/${name}`);
      const error = await rejection(openDetector('ssd300', { weights }), CliError);
      expect(error).to.match(new RegExp(`${name} is a file of ${writer}, .*--names \\(.*torchvision-ssd300`));
    }
  });

  it('leaves other errors as they are', async () => {
    const error = await rejection(openDetector('ssd300', { weights: '/no/such.npz' }));
    expect(error).to.match(/no such file/);
  });
});
