/** The seven models: each learns in a few steps, and stands in the guide beside the same one in PyTorch. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fashionMnistFolder } from '@chaingrad/vision';
import { expect } from 'chai';
import { requirePresent } from '../support/present.ts';
import { runProgram } from '../support/program.ts';

const folder = new URL('../../examples/models/', import.meta.url);

/** What a program prints, the numbers that `pattern` finds in it. */
type Numbers = (pattern: RegExp) => number[];

/** By name: steps, whether Fashion-MNIST is needed, and what is to come out. */
const models: Readonly<
  Record<string, [steps: number, needsData: boolean, check: (numbers: Numbers) => void]>
> = {
  resnet: [
    30,
    true,
    (numbers) => {
      const losses = numbers(/loss ([\d.]+)/g);
      expect(losses.at(-1)).to.be.below(0.85 * losses[0]!);
      expect(numbers(/([\d.]+) % of the test pictures right/g)[0], 'of ten classes').to.be.above(25);
    },
  ],
  unet: [
    40,
    false,
    (numbers) => {
      const losses = numbers(/loss ([\d.]+)/g);
      expect(losses.at(-1)).to.be.below(0.8 * losses[0]!);
      expect(numbers(/intersection over union ([\d.]+)/g)[0]).to.be.above(0.5);
    },
  ],
  gan: [
    20,
    true,
    (numbers) => {
      const [before, after] = numbers(/the mean picture is off by ([\d.]+)/g);
      expect(after).to.be.below(0.75 * before!);
    },
  ],
  vae: [
    40,
    true,
    (numbers) => {
      const losses = numbers(/loss ([\d.]+)/g);
      expect(losses.at(-1)).to.be.below(0.85 * losses[0]!);
    },
  ],
  transformer: [
    60,
    false,
    (numbers) => {
      const losses = numbers(/loss ([\d.]+)/g);
      expect(losses.at(-1)).to.be.below(0.2 * losses[0]!);
      expect(numbers(/(\d+) of 20 rows right/g)[0]).to.be.at.least(15);
    },
  ],
  functions: [
    30,
    true,
    (numbers) => {
      expect(numbers(/swish: within ([\de.-]+) of differences/g)[0]).to.be.below(1e-3);
      expect(numbers(/([\d.]+) % of the test pictures right/g)[0], 'of ten classes').to.be.above(50);
    },
  ],
  'fine-tune': [
    100,
    true,
    (numbers) => {
      const [tuned, fresh] = numbers(/([\d.]+) % of the test pictures right/g);
      expect(tuned, 'of five classes').to.be.above(60);
      expect(tuned).to.be.above(fresh!);
    },
  ],
};

describe('examples/models', () => {
  for (const [name, [steps, needsData, check]] of Object.entries(models)) {
    it(`${name} learns`, async function () {
      if (needsData) {
        const present = existsSync(`${fashionMnistFolder}/train-images-idx3-ubyte.gz`);
        requirePresent(present, 'Fashion-MNIST: apt-get install dataset-fashion-mnist', this);
      }
      const cwd = await mkdtemp(`${tmpdir()}/chaingrad-models-`);
      try {
        const printed = await runProgram(new URL(`${name}.ts`, folder), ['--steps', String(steps)], { cwd });
        check((pattern) => {
          const found = Array.from(printed.matchAll(pattern), ([, number]) => Number(number));
          expect(found, `${pattern} in ${printed}`).not.to.deep.equal([]);
          return found;
        });
      } finally {
        await rm(cwd, { recursive: true });
      }
    });
  }

  it('stand in the guide, model and training beside those of PyTorch', async () => {
    const page = await readFile(new URL('../../docs/guide/seven-models.md', import.meta.url), 'utf8');
    const shown = Array.from(page.matchAll(/^<<< @\/\.\.\/examples\/models\/(\S+)/gm), ([, what]) => what);
    const expected = Object.keys(models).flatMap((name) =>
      ['model', 'training'].flatMap((part) => [`${name}.py#${part}`, `${name}.ts#${part}`]),
    );
    expect(shown).to.have.members(expected);
    for (const [file, part] of expected.map((what) => what.split('#') as [string, string])) {
      const text = await readFile(new URL(file, folder), 'utf8');
      expect(text).to.match(new RegExp(`(// #|# )region ${part}\\n[^]+(// #|# )endregion ${part}\\n`));
    }
  });
});
