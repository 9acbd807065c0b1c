import { expect } from 'chai';
import { createProgress } from '../../packages/cli/src/progress.ts';

/** Something that looks like a terminal (or not) to the progress bar, and keeps what is written to it. */
function screen(isTTY: boolean): { stream: NodeJS.WriteStream; text(): string } {
  let text = '';
  const stream = {
    isTTY,
    columns: 80,
    write(chunk: string) {
      text += chunk;
      return true;
    },
    on() {},
    once() {},
    removeListener() {},
  };
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
}

describe('cli/progress', () => {
  it('draws on a terminal: how many are done, of how many, and what is at work', async () => {
    const { stream, text } = screen(true);
    const progress = createProgress(2, stream);
    try {
      progress.next('one.png');
      // The bar redraws at most 25 times a second.
      await new Promise((resolve) => setTimeout(resolve, 100));
      progress.next('two.png');
      await new Promise((resolve) => setTimeout(resolve, 100));
    } finally {
      progress.stop();
    }
    expect(text()).to.include('0/2 one.png');
    expect(text()).to.include('1/2 two.png');
  });

  it('writes nothing where there is no terminal', () => {
    const { stream, text } = screen(false);
    const progress = createProgress(1, stream);
    let printed = false;
    progress.next('one.png');
    progress.around(() => {
      printed = true;
    });
    progress.stop();
    expect(printed).to.equal(true);
    expect(text()).to.equal('');
  });

  it('makes room for lines of the program and comes back', () => {
    const { stream, text } = screen(true);
    const progress = createProgress(3, stream);
    progress.next('one.png');
    progress.around(() => stream.write('<a line>'));
    progress.stop();
    const [before, after] = text().split('<a line>') as [string, string];
    // ESC [ 0 K or 2 K or J: the line is cleared before ours is written.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminals are controlled by control characters.
    expect(before).to.match(/\u001b\[[0-2]?[KJ]$/);
    expect(after).to.include('/3 one.png');
  });
});
