import { checkOptions, defaultRandom } from '@chaingrad/core';
import { VisionOptionError } from '../../errors.ts';
import { asFloat32, checkImage, type Image } from '../../image/image.ts';
import type { Rng } from '../../rng.ts';

export interface PcaLightingOptions {
  /** Three eigenvalues of the covariance of the colours. */
  readonly eigenValue?: readonly number[];
  /** The eigenvectors, as the columns of a 3 x 3 matrix. */
  readonly eigenVector?: readonly (readonly number[])[];
}

/** Of ImageNet's RGB colours, as ChainerCV has them: with the components in rows, where the formula wants columns. */
const IMAGENET: Required<PcaLightingOptions> = {
  eigenValue: [0.2175, 0.0188, 0.0045],
  eigenVector: [
    [-0.5675, -0.5808, -0.5836],
    [0.7192, -0.0045, -0.6948],
    [0.4009, -0.814, 0.4203],
  ],
};

/**
 * An image with a random shift of its colours along their principal components.
 *
 * Every pixel of a channel c gets the same amount: sum over i of eigenVector[c][i] * eigenValue[i] * N(0, sigma^2).
 * The default vectors are ChainerCV's, which are transposed: give `eigenVector` transposed for shifts as Torch's.
 * Source: Krizhevsky et al., ImageNet classification (2012). Chainer counterpart: `chainercv.transforms.pca_lighting`.
 *
 * @param img RGB.
 * @param sigma strength, in the units of the image; 25.5 is used for 0..255. With 0 or less nothing is drawn or changed.
 * @returns float32 values, not limited to 0..255.
 * @throws VisionOptionError if the image has not three channels.
 */
export function pcaLighting(
  img: Image,
  sigma: number,
  options: PcaLightingOptions = {},
  rng: Rng = defaultRandom(),
): Image<Float32Array> {
  const { eigenValue = IMAGENET.eigenValue, eigenVector = IMAGENET.eigenVector } = checkOptions(
    'pcaLighting',
    options,
    { eigenValue: 'object', eigenVector: 'object' },
  );
  checkImage(img, 'pcaLighting');
  if (img.shape[2] !== 3) {
    throw new VisionOptionError('pcaLighting', 'img', 'an RGB image of shape [height, width, 3]', img.shape);
  }
  const data = asFloat32(img.data);
  if (sigma <= 0) return { data, shape: img.shape };
  const alpha = eigenValue.map((value) => value * sigma * rng.normal());
  const shift = eigenVector.map((row) => row.reduce((sum, v, i) => sum + v * alpha[i]!, 0));
  return { data: data.map((v, i) => v + shift[i % 3]!), shape: img.shape };
}
