import { expect } from 'chai';
import { CommanderError } from 'commander';
import { ImageError, oneLine, UnknownNameError } from '../../packages/cli/src/errors.ts';

describe('cli/errors', () => {
  it('makes one line of any error', () => {
    expect(oneLine(new Error('first\n   second\n'))).to.equal('first second');
    expect(oneLine(new TypeError())).to.equal('TypeError');
    expect(oneLine('text')).to.equal('text');
    expect(oneLine(new CommanderError(1, 'x', "error: unknown option '--x'\n(Did you mean --y?)"))).to.equal(
      "unknown option '--x' (Did you mean --y?)",
    );
  });

  it('lists the valid names for a wrong one', () => {
    const error = new UnknownNameError('model', 'ssd', ['ssd300', 'ssd512']);
    expect(error.message).to.equal("unknown model 'ssd'; valid are: ssd300, ssd512");
    expect(error.valid).to.deep.equal(['ssd300', 'ssd512']);
  });

  it('keeps the file and the reason of a picture that cannot be read', () => {
    const error = new ImageError('a.png', 'no such file');
    expect([error.file, error.reason, error.message]).to.deep.equal([
      'a.png',
      'no such file',
      'a.png: no such file',
    ]);
  });
});
