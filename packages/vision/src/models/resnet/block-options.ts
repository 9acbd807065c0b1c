import type { BatchNormalizationLinkOptions, InitializerLike, OptionKinds } from '@chaingrad/core';

/** What all blocks of a residual network have in common. */
export interface BlockOptions {
  /** Pixels from window to window, in the first block of a stage. Default 1. */
  readonly stride?: number;
  /** Distance of the taps of the 3x3 convolutions, in pixels. Default 1. */
  readonly dilate?: number;
  /** Channel groups of the 3x3 convolution. Default 1. */
  readonly groups?: number;
  /** Whether the 1x1 convolution in front has the stride ('he'), or the 3x3 one ('fb'). Default false. */
  readonly strideFirst?: boolean;
  /** Whether a squeeze-and-excitation block follows the last convolution. Default false. */
  readonly addSeblock?: boolean;
  /** Initial kernels. Default LeCunNormal. */
  readonly initialW?: InitializerLike | null;
  /** Options of every batch normalization. */
  readonly bn?: BatchNormalizationLinkOptions;
}

export const blockKinds: OptionKinds<BlockOptions> = {
  stride: 'number',
  dilate: 'number',
  groups: 'number',
  strideFirst: 'boolean',
  addSeblock: 'boolean',
  initialW: 'any',
  bn: 'object',
};

export interface BottleneckOptions extends BlockOptions {
  /** Whether the shortcut is a 1x1 convolution, for other channels or a stride. Default false. */
  readonly residualConv?: boolean;
}

/** Of `BasicResBlock`, which decides on the shortcuts itself. */
export const basicStageKinds: OptionKinds<Pick<BlockOptions, 'stride' | 'initialW' | 'bn'>> = {
  stride: 'number',
  initialW: 'any',
  bn: 'object',
};
