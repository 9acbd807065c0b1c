import { config, InvalidArgumentError, usingConfig } from '@chaingrad/core';
import { expect } from 'chai';

describe('configuration', () => {
  it('has the defaults of Chainer', () => {
    expect(config).to.deep.equal({ train: true, typeCheck: true, debug: false });
  });

  it('usingConfig sets a value for a while, and returns what the function returns', () => {
    const seen = usingConfig('train', false, () => [
      config.train,
      usingConfig('train', true, () => config.train),
    ]);
    expect(seen).to.deep.equal([false, true]);
    expect(config.train).to.equal(true);
  });

  it('usingConfig restores the value after an error', () => {
    const fail = () =>
      usingConfig('debug', true, () => {
        throw new RangeError('no');
      });
    expect(fail).to.throw(RangeError);
    expect(config.debug).to.equal(false);
  });

  it('usingConfig refuses what is asynchronous, and restores the value first', async () => {
    const rejected = async () => {
      throw new Error('nobody waits for this one');
    };
    for (const fn of [async () => 1, rejected])
      expect(() => usingConfig('train', false, fn)).to.throw(InvalidArgumentError, 'a synchronous function');
    expect(config.train).to.equal(true);
    // A rejection that nobody handled would end the process.
    await new Promise((resolve) => setTimeout(resolve, 0));
  });

  it('usingConfig refuses a name that there is not', () => {
    expect(() => usingConfig('trian' as 'train', false, () => 0)).to.throw(
      InvalidArgumentError,
      'train | typeCheck',
    );
    expect(config).not.to.have.property('trian');
  });
});
