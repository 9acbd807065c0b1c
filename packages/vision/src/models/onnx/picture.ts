/** From a picture as a decoder gives it to what a network wants, as nodes of an ONNX graph. */
import type { GraphBuilder, GraphPort } from '@chaingrad/onnx';
import type { ResizeBackend } from '../../transforms/index.ts';
import { Sketch } from './sketch.ts';

const RESIZING = {
  cv2: { coordinate_transformation_mode: 'half_pixel' },
  PIL: { coordinate_transformation_mode: 'half_pixel', antialias: 1 },
  tf: { coordinate_transformation_mode: 'asymmetric' },
} as const;

/** A picture on its way: (1, 3, H, W) float32. */
export class PictureSketch extends Sketch {
  /** The graph's input: uint8 (height, width, 3), RGB. */
  readonly input: GraphPort;
  /** [height, width] of the picture, int64. */
  readonly size: string;
  /** The picture, channels first. */
  readonly pixels: string;

  constructor(
    graph: GraphBuilder,
    private readonly backend: ResizeBackend,
  ) {
    super(graph, '/prepare');
    const name = graph.unique('image');
    this.input = { name, shape: ['height', 'width', 3], dtype: 'uint8' };
    this.size = this.lengths(name, 0, 2);
    this.pixels = this.unsqueeze(this.transpose(this.cast(name, 'float32'), 2, 0, 1), 0);
  }

  /** `size` as float32. */
  get floatSize(): string {
    return this.cast(this.size, 'float32');
  }

  /** The longer side of the picture, a list of one. */
  get longerSide(): string {
    return this.reduce('ReduceMax', this.size, 0, 1);
  }

  /** @param size [height, width], int64. */
  resized(x: string, size: string): string {
    const sizes = this.join([this.ints(1, 3), size], 0);
    return this.one('Resize', [x, '', '', sizes], { mode: 'linear', ...RESIZING[this.backend] });
  }

  /** Pixels at the sides. @param before [rows, columns] at the top and left; null for none. @param after at the bottom and right. */
  padded(x: string, before: string | null, after: string, value = 0): string {
    const zeros = this.ints(0, 0);
    const pads = this.join([zeros, before ?? zeros, zeros, after], 0);
    return this.one('Pad', [x, pads, this.graph.scalar(value)]);
  }

  /** Brought to a square: stretched, or with black at the bottom or right until it is one. */
  square(insize: number, fit: 'stretch' | 'square'): string {
    const whole =
      fit === 'square' ? this.padded(this.pixels, null, this.sub(this.longerSide, this.size)) : this.pixels;
    return this.resized(whole, this.ints(insize, insize));
  }

  /** Minus the mean, one number or one of each channel. */
  minus(x: string, mean: number | readonly number[]): string {
    if (typeof mean === 'number') return mean === 0 ? x : this.sub(x, mean);
    return this.one('Sub', [x, this.graph.floats(mean, [3, 1, 1])]);
  }

  /** A size times a factor, both float64, rounded down, int64. */
  scaledSize(factor: string): string {
    return this.cast(this.mul(this.cast(this.size, 'float64'), factor), 'int64');
  }

  /** A number over each side, float64: what brings it there. */
  toReach(side: number): string {
    return this.div(this.cast(this.graph.scalar(side), 'float64'), this.cast(this.size, 'float64'));
  }

  /**
   * How much a picture is to grow so that its shorter side has so many pixels, and the longer one not too many, a list of one
   * float64.
   */
  scaleTo(minSize: number, maxSize: number): string {
    const shorter = this.reduce('ReduceMax', this.toReach(minSize), 0, 1);
    return this.least(shorter, this.reduce('ReduceMin', this.toReach(maxSize), 0, 1));
  }
}
