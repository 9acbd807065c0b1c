/** The examples of the package's README run as they stand there. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { codeBlocks } from '../support/markdown.ts';
import { runProgram } from '../support/program.ts';

const root = new URL('../../', import.meta.url);

describe('the README of @chaingrad/kernels', () => {
  // Within the workspace, so that the packages are found by their names.
  const folder = new URL('node_modules/.cache/chaingrad-readme/', root);
  after(() => rmSync(folder, { recursive: true, force: true }));

  before(() => mkdirSync(folder, { recursive: true }));
  const examples = codeBlocks('packages/kernels/README.md', ['js']);
  const exampleOf = (word: string) => examples.find((text) => text.includes(word))!;

  it('has an example that runs', async () => {
    const example = examples[0]!;
    const file = new URL(`kernels-${process.pid}.mjs`, folder);
    writeFileSync(file, `${example}\nexport { dw, y };\n`);
    tf.engine().startScope();
    const { dw, y } = (await import(fileURLToPath(file))) as { dw: tf.Tensor; y: tf.Tensor };
    expect(tf.getBackend()).to.equal('wasm');
    expect(dw.shape).to.deep.equal([3, 3, 16, 8]);
    expect(y.shape).to.deep.equal([1, 32, 32, 8]);
    tf.engine().endScope();
  });

  it('has an example of threads that runs, and ends', async () => {
    const file = new URL(`threads-${process.pid}.mjs`, folder);
    writeFileSync(file, exampleOf('shareTfjsWasmMemory'));
    expect(await runProgram(file)).to.include('2 threads');
  });

  it('has the four lines that the programs of others are tested with', () => {
    const lines = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('//'));
    const tested = readFileSync(new URL('test/kernels/wasm/third-party/fast.mjs', root), 'utf8');
    expect(lines(exampleOf('fast.mjs'))).to.deep.equal(lines(tested));
  });
});
