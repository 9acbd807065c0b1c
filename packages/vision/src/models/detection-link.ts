import type { Image } from '../image/index.ts';
import type { ResizeBackend } from '../transforms/index.ts';

export interface PredictOptions {
  /** IoU from which the lower scored of two boxes of a class is dropped; null keeps all. Default `model.nmsThresh`. */
  readonly nmsThresh?: number | null;
  /** Boxes with this score or more are given. Default `model.scoreThresh`. */
  readonly scoreThresh?: number;
  /** Whose resizing. Default `model.resizeBackend`. */
  readonly resizeBackend?: ResizeBackend;
}

/** What was found, image by image. */
export interface Predictions {
  /** R * 4 values an image: rows of (yMin, xMin, yMax, xMax) in pixels of the image as given. */
  readonly bboxes: Float32Array[];
  /** R values an image, counting from 0. */
  readonly labels: Int32Array[];
  /** R values an image, in [0, 1]. */
  readonly scores: Float32Array[];
}

/**
 * What becomes of a box that overlaps a better one of its class: 'hard' drops it from `nmsThresh` on; 'soft' lowers its score
 * (`softNonMaximumSuppression`).
 */
export type Suppression = 'hard' | 'soft';

/** What finds objects: `predict` takes images of any sizes. */
export interface DetectionLink {
  /** How overlapping boxes are suppressed, where no `nmsThresh` is given. Default 'hard'. */
  readonly nms?: Suppression;
  predict(imgs: readonly Image[], options?: PredictOptions): Promise<Predictions>;
}
