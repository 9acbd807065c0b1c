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

/** What finds objects: `predict` takes images of any sizes. */
export interface DetectionLink {
  predict(imgs: readonly Image[], options?: PredictOptions): Promise<Predictions>;
}
