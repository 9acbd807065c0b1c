import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { writeSafetensors } from '../../../packages/weights/src/formats/safetensors.ts';

import { readJson } from '../../support/goldens.ts';
import { requirePresent } from '../../support/present.ts';
import { runProgram } from '../../support/program.ts';

import { floats } from '../support.ts';

const script = new URL('./peak.ts', import.meta.url);

describe('peak memory of loading', () => {
  let folder: string;
  before(async function () {
    requirePresent(existsSync('/proc/self/status'), '/proc, which tells the peak: Linux', this);
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-peak-'));
  });
  after(() => folder && rm(folder, { recursive: true }));

  const arrays = () =>
    [
      ['W', floats([4096, 8192], (i) => i & 255)],
      ['b', floats([4096])],
    ] as const;
  const files = {
    'w.npz': () => writeNpz(arrays(), { compression: false }),
    'w.safetensors': () => writeSafetensors(arrays()),
  };

  /** What a process of its own needs to load a file. */
  async function measure(kind: string, file: string, backend: string) {
    const stdout = await runProgram(script, [kind, file, backend], { flags: ['--expose-gc'] });
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as { bytes: number; peak: number };
  }

  for (const [name, make] of Object.entries(files)) {
    for (const backend of ['cpu', 'wasm']) {
      it(`${name} on ${backend}: the model once, and little else`, async () => {
        const file = join(folder, name);
        await writeFile(file, make());
        const { bytes, peak } = await measure('linear', file, backend);
        expect(bytes).to.equal(4 * (4096 * 8192 + 4096));
        // 134 MB. Twice that would be the file beside the model.
        expect(peak).to.be.lessThan(1.15 * bytes);
      });
    }
  }

  describe("fromPretrained of a deflated npz of SSD300's size", () => {
    const { params } = readJson<{ params: { path: string; shape: number[] }[] }>(
      'goldens/ssd300_params.json',
    );
    let file: string;
    before(async () => {
      file = join(folder, 'ssd300.npz');
      // Values of few bits, so that deflating them takes seconds only.
      const values = params.map(({ path, shape }) => [path.slice(1), floats(shape, (i) => i & 255)] as const);
      await writeFile(file, writeNpz(values));
    });

    for (const backend of ['cpu', 'wasm']) {
      it(`takes at most 1.15 times the model on ${backend}`, async () => {
        const { bytes, peak } = await measure('ssd300', file, backend);
        expect(bytes).to.equal(4 * 26_285_486);
        expect(peak).to.be.lessThan(1.15 * bytes);
      });
    }
  });
});
