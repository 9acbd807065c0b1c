import { expect } from 'chai';
import { CliError } from '../../packages/cli/src/errors.ts';
import { readLabels } from '../../packages/cli/src/labels.ts';
import { temporaryFolder } from './support.ts';

async function failure(file: string): Promise<string> {
  try {
    await readLabels(file);
  } catch (error) {
    expect(error).to.be.instanceOf(CliError);
    return (error as CliError).message;
  }
  throw new Error(`${file} was read`);
}

describe('cli/labels', () => {
  const folder = temporaryFolder();

  it('reads one name a line, whatever the line ends', async () => {
    expect(await readLabels(folder.write('a.txt', 'cat\ndog\n'))).to.deep.equal(['cat', 'dog']);
    expect(await readLabels(folder.write('b.txt', 'red cell\r\nплатлет\r\n\r\n'))).to.deep.equal([
      'red cell',
      'платлет',
    ]);
  });

  it('reads a JSON array', async () => {
    expect(await readLabels(folder.write('c.json', '[\n "cat",\n "dog"\n]'))).to.deep.equal(['cat', 'dog']);
  });

  it('tells what is wrong with a file', async () => {
    const missing = folder.path('missing.txt');
    expect(await failure(missing)).to.match(new RegExp(`^cannot read the labels ${missing}: ENOENT`));
    expect(await failure(folder.write('empty.txt', ''))).to.include('got an empty name');
    expect(await failure(folder.write('gap.txt', 'cat\n\ndog\n'))).to.include('got an empty name');
    expect(await failure(folder.write('broken.json', '["cat",'))).to.include(
      'expected a JSON array of strings',
    );
    expect(await failure(folder.write('numbers.json', '[1, 2]'))).to.include(
      'expected a JSON array of strings',
    );
  });
});
