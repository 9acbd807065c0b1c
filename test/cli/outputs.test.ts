import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CliError } from '../../packages/cli/src/errors.ts';
import { outputNames } from '../../packages/cli/src/outputs.ts';
import { temporaryFolder } from './support.ts';

describe('cli/outputs', () => {
  const folder = temporaryFolder();

  it('makes the folder and keeps the name of the input', () => {
    const out = folder.path('deep/out');
    const name = outputNames(out, []);
    expect(existsSync(out)).to.equal(true);
    expect(name('some/where/cat.PNG', 'png')).to.equal(join(out, 'cat.PNG'));
    expect(name('dog.jpeg', 'jpeg')).to.equal(join(out, 'dog.jpeg'));
  });

  it('names a file by what is in it', () => {
    expect(outputNames(folder.path('out'), [])('a/picture.jpg', 'png')).to.equal(
      folder.path('out/picture.png'),
    );
    expect(outputNames(folder.path('out'), [])('photo', 'jpeg')).to.equal(folder.path('out/photo.jpg'));
  });

  it('never gives the same name twice', () => {
    const name = outputNames(folder.path('out'), ['a/x.png', 'b/x.png', 'c/x.png']);
    expect(['a/x.png', 'b/x.png', 'c/x.png'].map((file) => name(file, 'png'))).to.deep.equal(
      ['x.png', 'x-2.png', 'x-3.png'].map((file) => folder.path(`out/${file}`)),
    );
  });

  it('never gives the name of an input', () => {
    mkdirSync(folder.path('here'));
    const inputs = [folder.write('here/a.png', 'a'), folder.write('here/a-2.png', 'b')];
    // The same folder, written in another way.
    const name = outputNames(join(folder.path('here'), '..', 'here'), inputs);
    expect(name(inputs[0]!, 'png')).to.equal(folder.path('here/a-3.png'));
    expect(name(inputs[1]!, 'png')).to.equal(folder.path('here/a-2-2.png'));
  });

  it('says which folder cannot be made', () => {
    const file = folder.write('file', 'x');
    expect(() => outputNames(join(file, 'out'), [])).to.throw(
      CliError,
      `cannot make the folder ${join(file, 'out')}: `,
    );
  });
});
