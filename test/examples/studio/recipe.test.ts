/** How the studio learns. */
import { expect } from 'chai';
import { recipe } from '../../../examples/web/src/engine/training.ts';
import { defaults } from '../../../packages/cli/src/commands/finetune/settings.ts';

describe('studio: the recipe of a training', () => {
  it('is that of the command', () => {
    const { lr, extractorLr, batch, iouThresh, seed } = defaults;
    expect(recipe).to.deep.include({ lr, extractorLr, batch, iouThresh, seed });
    // What `mild` stands for, no turning upside down, the weights of the classes and what becomes of boxes.
    const { augment, flip, balance, nms } = defaults;
    expect([augment, flip, balance, nms]).to.deep.equal(['mild', 'x', 'root', 'soft']);
  });
});
