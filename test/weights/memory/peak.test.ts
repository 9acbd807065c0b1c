import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeNpz, writeSafetensors } from '@chaingrad/weights';
import { expect } from 'chai';
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

  for (const [name, make] of Object.entries(files)) {
    for (const backend of ['cpu', 'wasm']) {
      it(`${name} on ${backend}: the model once, and little else`, async () => {
        const file = join(folder, name);
        await writeFile(file, make());
        const stdout = await runProgram(script, ['linear', file, backend], { flags: ['--expose-gc'] });
        const { bytes, peak } = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
          bytes: number;
          peak: number;
        };
        expect(bytes).to.equal(4 * (4096 * 8192 + 4096));
        // 134 MB. Twice that would be the file beside the model; what Node itself takes is some tens of megabytes.
        expect(peak).to.be.lessThan(1.3 * bytes + 40e6);
      });
    }
  }
});
