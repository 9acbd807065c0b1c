/** The example of the package's README runs as it stands there. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

const root = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('packages/kernels/README.md', root), 'utf8');

describe('the README of @chaingrad/kernels', () => {
  // Within the workspace, so that the packages are found by their names.
  const folder = new URL('node_modules/.cache/chaingrad-readme/', root);
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has an example that runs', async () => {
    const example = /```js\n([\s\S]*?)```/.exec(readme)![1]!;
    mkdirSync(folder, { recursive: true });
    const file = new URL(`kernels-${process.pid}.mjs`, folder);
    writeFileSync(file, `${example}\nexport { dw, y };\n`);
    tf.engine().startScope();
    const { dw, y } = (await import(fileURLToPath(file))) as { dw: tf.Tensor; y: tf.Tensor };
    expect(tf.getBackend()).to.equal('wasm');
    expect(dw.shape).to.deep.equal([3, 3, 16, 8]);
    expect(y.shape).to.deep.equal([1, 32, 32, 8]);
    tf.engine().endScope();
  });
});
