import { checkOptions, type Link, PickableSequentialChain } from '@chaingrad/core';
import { BasicBlock, type BasicBlockOptions } from './basic-block.ts';
import { type BlockOptions, basicStageKinds, blockKinds } from './block-options.ts';
import { Bottleneck } from './bottleneck.ts';

/** The names of the blocks of a stage. */
const blockName = (i: number): string => (i === 0 ? 'a' : `b${i}`);

function addBlocks(stage: PickableSequentialChain, count: number, block: (i: number) => Link): void {
  for (let i = 0; i < count; i++) stage.addLink(blockName(i), block(i));
}

/**
 * One stage of a residual network: `nLayer` bottlenecks, which can be picked. Children: a, which has the stride and a convolution
 * as shortcut, then b1, b2, ...
 *
 * Chainer counterpart: `chainercv.links.model.resnet.ResBlock`.
 */
export class ResBlock extends PickableSequentialChain {
  /** @param inChannels null: found at the first call. */
  constructor(
    nLayer: number,
    inChannels: number | null,
    midChannels: number,
    outChannels: number,
    options: BlockOptions = {},
  ) {
    super();
    const { stride = 1, ...rest } = checkOptions('ResBlock', options, blockKinds);
    addBlocks(this, nLayer, (i) =>
      i === 0
        ? new Bottleneck(inChannels, midChannels, outChannels, { ...rest, stride, residualConv: true })
        : new Bottleneck(outChannels, midChannels, outChannels, rest),
    );
  }
}

/** One stage of ResNet-18 and 34: `ResBlock` of `BasicBlock`s. The first has a convolution as shortcut where it must. */
export class BasicResBlock extends PickableSequentialChain {
  constructor(
    nLayer: number,
    inChannels: number,
    outChannels: number,
    options: Omit<BasicBlockOptions, 'residualConv'> = {},
  ) {
    super();
    const { stride = 1, ...rest } = checkOptions('BasicResBlock', options, basicStageKinds);
    const residualConv = stride !== 1 || inChannels !== outChannels;
    addBlocks(this, nLayer, (i) =>
      i === 0
        ? new BasicBlock(inChannels, outChannels, { ...rest, stride, residualConv })
        : new BasicBlock(outChannels, outChannels, rest),
    );
  }
}
