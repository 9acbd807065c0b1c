/**
 * The boxes of one image.
 *
 * A `bbox` is flat: R rows of (yMin, xMin, yMax, xMax) in pixels, one after the other. Labels count from 0, the first
 * class that is not background.
 */
export interface Detections {
  /** R * 4 values. */
  readonly bbox: Float32Array;
  /** R values. */
  readonly label: Int32Array;
  /** R values in [0, 1]. */
  readonly score: Float32Array;
}

/** A flat list of numbers: a typed array or a plain one. */
export type NumberList = ArrayLike<number>;
