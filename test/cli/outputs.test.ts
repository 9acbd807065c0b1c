import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CliError } from '../../packages/cli/src/errors.ts';
import { writeImage } from '../../packages/cli/src/images.ts';
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

  it('never gives the name of an input, through links neither', () => {
    mkdirSync(folder.path('real'));
    mkdirSync(folder.path('linked'));
    const input = folder.write('real/a.png', 'a');
    symlinkSync(folder.path('real'), folder.path('alias'));
    symlinkSync(input, folder.path('linked/a.png'));
    expect(outputNames(folder.path('alias'), [input])(input, 'png')).to.equal(folder.path('alias/a-2.png'));
    expect(outputNames(folder.path('linked'), [input])(input, 'png')).to.equal(folder.path('linked/a-2.png'));
    // Nor where the input is the link.
    const link = folder.path('linked/a.png');
    expect(outputNames(folder.path('real'), [link])(link, 'png')).to.equal(folder.path('real/a-2.png'));
  });

  it('a picture is not written through a hard link to the input', async () => {
    mkdirSync(folder.path('hard'));
    const input = folder.write('b.png', 'the input');
    linkSync(input, folder.path('hard/b.png'));
    const output = outputNames(folder.path('hard'), [input])(input, 'png');
    await writeImage(output, { data: new Uint8Array(3), shape: [1, 1, 3] }, 'png');
    expect(readFileSync(input, 'utf8')).to.equal('the input');
  });

  it('says which folder cannot be made', () => {
    const file = folder.write('file', 'x');
    expect(() => outputNames(join(file, 'out'), [])).to.throw(
      CliError,
      `cannot make the folder ${join(file, 'out')}: `,
    );
  });
});
