import {
  Chain,
  Convolution2D,
  checkOptions,
  config,
  type InitializerLike,
  ShapeOnlyError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { nthPart } from '../detector.ts';
import { generateAnchorBase, shiftedAnchors } from './anchors.ts';
import { ProposalCreator, type ProposalCreatorOptions } from './proposal-creator.ts';

export interface RegionProposalNetworkOptions {
  /** Heights over widths of the anchors. Default 1/2, 1, 2. */
  readonly ratios?: readonly number[];
  /** Sides of the anchors in units of 16 pixels. Default 8, 16, 32. */
  readonly anchorScales?: readonly number[];
  /** Pixels of the input in one of the feature map. Default 16. */
  readonly featStride?: number;
  readonly initialW?: InitializerLike | null;
  readonly proposalCreatorParams?: ProposalCreatorOptions;
}

type Size = readonly [height: number, width: number];

/** Regions of a batch: R * 4 values, and R indices of their images. */
export interface Regions {
  readonly rois: Float32Array;
  readonly roiIndices: Int32Array;
}

/** The outputs of a region proposal network for a batch, with the regions that follow from them. */
export interface Proposals extends Regions {
  /** (N, R, 4) offsets of the anchors. */
  readonly rpnLocs: tf.Tensor3D;
  /** (N, R, 2) scores of background and object. */
  readonly rpnScores: tf.Tensor3D;
  /** R * 4 values, the same for every image. */
  readonly anchor: Float32Array;
}

/**
 * Finds regions in which something may be. Children: conv1, loc, score.
 *
 * Source: Ren et al., Faster R-CNN (2015). Chainer counterpart: `chainercv.links.model.faster_rcnn.RegionProposalNetwork`.
 */
export class RegionProposalNetwork extends Chain {
  readonly anchorBase: Float32Array;
  readonly featStride: number;
  readonly proposalLayer: ProposalCreator;
  readonly conv1: Convolution2D;
  readonly score: Convolution2D;
  readonly loc: Convolution2D;

  constructor(inChannels = 512, midChannels = 512, options: RegionProposalNetworkOptions = {}) {
    super();
    const {
      ratios = [0.5, 1, 2],
      anchorScales = [8, 16, 32],
      featStride = 16,
      initialW = null,
      proposalCreatorParams = {},
    } = checkOptions('RegionProposalNetwork', options, {
      ratios: 'object',
      anchorScales: 'object',
      featStride: 'number',
      initialW: 'any',
      proposalCreatorParams: 'object',
    });
    this.anchorBase = generateAnchorBase({ ratios, anchorScales });
    this.featStride = featStride;
    this.proposalLayer = new ProposalCreator(proposalCreatorParams);
    const anchors = this.anchorBase.length / 4;
    this.conv1 = new Convolution2D(inChannels, midChannels, 3, { pad: 1, initialW });
    this.score = new Convolution2D(midChannels, 2 * anchors, 1, { initialW });
    this.loc = new Convolution2D(midChannels, 4 * anchors, 1, { initialW });
  }

  /** The outputs alone: offsets (N, R, 4) and scores (N, R, 2) of the anchors of a feature map. */
  outputs(x: tf.Tensor4D): [rpnLocs: tf.Tensor3D, rpnScores: tf.Tensor3D] {
    const h = this.conv1.call(x, 'relu');
    return [
      tf.reshape(this.loc.call(h), [x.shape[0], -1, 4]),
      tf.reshape(this.score.call(h), [x.shape[0], -1, 2]),
    ];
  }

  /** The anchors of a feature map (N, H, W, C). */
  anchorOf({ shape: [, height, width] }: tf.Tensor4D): Float32Array {
    return shiftedAnchors(this.anchorBase, this.featStride, [height, width]);
  }

  /** The regions that follow from the values of the outputs. */
  propose(
    locs: Float32Array,
    scores: Float32Array,
    anchor: Float32Array,
    imgSize: Size,
    scales: readonly number[],
    train: boolean = config.train,
  ): Regions {
    const rois = scales.map((scale, i) => {
      const foreground = nthPart(scores, i, scales.length).filter((_, k) => k % 2 === 1);
      const loc = nthPart(locs, i, scales.length);
      return this.proposalLayer.propose(loc, foreground, anchor, imgSize, scale, train);
    });
    return {
      rois: Float32Array.from(rois.flatMap((roi) => [...roi])),
      roiIndices: Int32Array.from(rois.flatMap((roi, i) => new Array<number>(roi.length / 4).fill(i))),
    };
  }

  /**
   * The regions are read from the device in between, which WebGPU cannot do at once: there `predict` works, training does not.
   * @param x (N, H, W, C).
   * @param imgSize [height, width] of the network's input.
   * @param scales of the inputs to the images as given. Default 1.
   */
  override forward(x: tf.Tensor4D, imgSize: Size, scales?: readonly number[]): Proposals {
    const [rpnLocs, rpnScores] = this.outputs(x);
    const anchor = this.anchorOf(x);
    const all = scales ?? new Array<number>(x.shape[0]).fill(1);
    return { rpnLocs, rpnScores, anchor, ...this.read(rpnLocs, rpnScores, anchor, imgSize, all) };
  }

  private read(
    locs: tf.Tensor,
    scores: tf.Tensor,
    anchor: Float32Array,
    size: Size,
    scales: readonly number[],
  ): Regions {
    try {
      const values = [locs, scores].map((tensor) => tensor.dataSync<'float32'>());
      return this.propose(values[0]!, values[1]!, anchor, size, scales);
    } catch (error) {
      // Where only shapes are known, any region does: the whole image.
      if (error instanceof ShapeOnlyError)
        return { rois: Float32Array.of(0, 0, ...size), roiIndices: Int32Array.of(0) };
      throw error;
    }
  }
}
