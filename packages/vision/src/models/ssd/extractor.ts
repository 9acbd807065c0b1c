import type { Link } from '@chaingrad/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';

/** What an SSD finds its objects with: a link that turns a batch of images into feature maps. */
export interface SSDExtractor extends Link {
  /** Side of the square input in pixels. */
  readonly insize: number;
  /** Cells along a side of each feature map. */
  readonly grids: readonly number[];
  /**
   * @param x images (B, insize, insize, 3), prepared as the network wants them.
   * @returns feature maps (B, grid, grid, C), the finest first.
   */
  forward(x: Tensor4D): Tensor4D[];
}
