import { checkOptions, type OptionKinds } from '@chaingrad/core';
import type { NumberList } from '../../utils/bbox/detections.ts';
import { clipBoxes, indicesWhere, loc2bbox, takeBoxes } from '../../utils/bbox/loc.ts';
import { nonMaximumSuppression } from '../../utils/bbox/non-maximum-suppression.ts';

export interface ProposalCreatorOptions {
  /** IoU from which the lower scored of two proposals is dropped. Default 0.7. */
  readonly nmsThresh?: number;
  /** Proposals that are looked at and that are given in training; 0 for all. Default 12000 and 2000. */
  readonly nTrainPreNms?: number;
  readonly nTrainPostNms?: number;
  /** ... and in a test. Default 6000 and 300. */
  readonly nTestPreNms?: number;
  readonly nTestPostNms?: number;
  /** Height and width below which a proposal is dropped, in pixels of the image before it was scaled. Default 16. */
  readonly minSize?: number;
}

const kinds: OptionKinds<ProposalCreatorOptions> = {
  nmsThresh: 'number',
  nTrainPreNms: 'number',
  nTrainPostNms: 'number',
  nTestPreNms: 'number',
  nTestPostNms: 'number',
  minSize: 'number',
};

/**
 * Regions in which something may be, from the outputs of a region proposal network: the anchors moved by their offsets, clipped,
 * of enough size, the best ones of those that overlap.
 *
 * Chainer counterpart: `chainercv.links.model.faster_rcnn.ProposalCreator`.
 */
export class ProposalCreator {
  readonly options: Required<ProposalCreatorOptions>;

  constructor(options: ProposalCreatorOptions = {}) {
    this.options = {
      nmsThresh: 0.7,
      nTrainPreNms: 12000,
      nTrainPostNms: 2000,
      nTestPreNms: 6000,
      nTestPostNms: 300,
      minSize: 16,
      ...checkOptions('ProposalCreator', options, kinds),
    };
  }

  /**
   * @param loc R * 4 offsets of the anchors.
   * @param score R scores; only their order counts.
   * @param anchor R * 4 values.
   * @param imgSize [height, width] of the network's input.
   * @param scale of the input to the image as given.
   * @param train whether as many are given as for training.
   * @returns S * 4 values, the best first.
   */
  propose(
    loc: NumberList,
    score: NumberList,
    anchor: NumberList,
    imgSize: readonly [height: number, width: number],
    scale = 1,
    train = false,
  ): Float32Array {
    const { nmsThresh, minSize, ...n } = this.options;
    const [pre, post] = train ? [n.nTrainPreNms, n.nTrainPostNms] : [n.nTestPreNms, n.nTestPostNms];
    const all = clipBoxes(loc2bbox(anchor, loc), imgSize);
    const least = minSize * scale;
    const isLarge = (i: number) =>
      all[4 * i + 2]! - all[4 * i]! >= least && all[4 * i + 3]! - all[4 * i + 1]! >= least;
    const order = indicesWhere(all.length / 4, isLarge).sort((i, j) => score[j]! - score[i]!);
    const rois = takeBoxes(all, order.slice(0, pre > 0 ? pre : order.length));
    return takeBoxes(rois, nonMaximumSuppression(rois, nmsThresh, { limit: post > 0 ? post : null }));
  }
}
