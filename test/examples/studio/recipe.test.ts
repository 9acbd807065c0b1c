/** How the studio learns. */
import { expect } from 'chai';
import { recipe } from '../../../examples/web/src/engine/training.ts';
import { defaults } from '../../../packages/cli/src/commands/finetune/settings.ts';

describe('studio: the recipe of a training', () => {
  it('is that of the command', () => {
    const { lr, extractorLr, batch, iouThresh, seed } = defaults;
    expect(recipe).to.deep.include({ lr, extractorLr, batch, iouThresh, seed });
    // What `mild` stands for, no turning upside down, and the weights of the classes.
    expect([defaults.augment, defaults.flip, defaults.balance]).to.deep.equal(['mild', 'x', 'root']);
  });
});
