/** docs/functions.md names what exists, and every function that is exported. */
import { readFileSync } from 'node:fs';
import * as core from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import * as functions from '../../../packages/core/src/functions/index.ts';
import * as tensors from '../../../packages/core/src/tensors.ts';

describe('docs/functions.md', () => {
  const text = readFileSync(new URL('../../../docs/functions.md', import.meta.url), 'utf8');
  const here = text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| Chainer'))
    .flatMap((line) => [...line.split('|')[2]!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));

  it('names functions that exist', () => {
    expect(here.length).to.be.greaterThan(80);
    for (const name of here) {
      const found = name.startsWith('tf.')
        ? (tf as Record<string, unknown>)[name.slice(3)]
        : (core as Record<string, unknown>)[name];
      expect(found, name).to.be.a('function');
    }
  });

  it("is tfjs' own operation where core exports it as it is", () => {
    for (const [name, value] of Object.entries(tensors))
      expect(value, name).to.equal((tf as Record<string, unknown>)[name]);
    const operations = here.filter((name) => name in tensors);
    expect(operations.length).to.be.greaterThan(30);
  });

  it('names every function of @chaingrad/core', () => {
    const missing = Object.keys(functions).filter((name) => !text.includes(`\`${name}\``));
    expect(missing).to.deep.equal([]);
  });
});
