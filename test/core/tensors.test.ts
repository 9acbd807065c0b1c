/** Programs of users import no tfjs: core has the tensors, makers and operations that an author needs. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));

const under = (folder: string, ending: RegExp): string[] =>
  readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name) && !/node_modules|dist\//.test(name))
    .map((name) => `${folder}/${name}`);

describe('code that is shown to users', () => {
  // The kernels' README is about programs of tfjs.
  const files = [
    'README.md',
    ...under('docs', /\.md$/),
    ...under('examples', /\.ts$/),
    ...under('packages', /^(?!kernels)[a-z]+\/README\.md$/),
  ];

  it('imports nothing of tfjs-core', () => {
    expect(files.length).to.be.greaterThan(15);
    const imports = /(?:from|import\()\s*['"]@tensorflow\/tfjs-core['"]/;
    expect(files.filter((file) => imports.test(readFileSync(`${root}${file}`, 'utf8')))).to.deep.equal([]);
  });
});
