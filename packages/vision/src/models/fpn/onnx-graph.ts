/** Faster R-CNN and Mask R-CNN on a feature pyramid as ONNX graphs: traced networks, with regions and their alignment between them. */
import type { GraphBuilder, GraphPort, GraphStage, GraphWrap } from '@chaingrad/onnx';
import type * as tf from '@tensorflow/tfjs-core';
import { VisionOptionError } from '../../errors.ts';
import { nameOf, type Thresholds } from '../detector.ts';
import { type DetectorGraph, detectionPorts } from '../onnx/onnx-of-detector.ts';
import { PictureSketch } from '../onnx/picture.ts';
import { anchorsOf, bestOfClasses, byColumns, limits, preparedPort } from '../onnx/regions.ts';
import { below, LOWEST, Sketch } from '../onnx/sketch.ts';
import type { FasterRCNNFPN } from './faster-rcnn-fpn.ts';
import { type BboxHead, type MaskHead, STD } from './heads.ts';
import { EXP_CLIP, SAMPLES, STRIDE } from './regions.ts';

/** Channels of every map of a pyramid. */
const CHANNELS = 256;

/** @throws VisionOptionError for a network that gives regions only. */
export function fpnGraph(model: FasterRCNNFPN): DetectorGraph {
  const head = model.bbox_head;
  if (head === null)
    throw new VisionOptionError(
      'onnxOfDetector',
      'returnValues',
      'bboxes, labels, scores or masks among them',
      model.returnValues.join(', '),
    );
  const { mean } = model.extractor.base;
  const masks = model.mask_head === null ? '' : '; masks (height, width) of 0 and 1';
  return {
    inputs: [[1, 64, 64, 3]],
    options: { size: 'dynamic', sizeMultiple: STRIDE },
    about: {
      description:
        `${nameOf(model)} without its decoding. Input: one picture whose shorter side has ${model.minSize} pixels, RGB, minus the ` +
        `mean, with zeros at the bottom and right until its sides are multiples of ${STRIDE}. Outputs: regions (yMin, xMin, yMax, ` +
        'xMax) in its pixels, their offsets and class outputs.',
      mean,
      more: { loc_normalize_std: JSON.stringify([STD[0], STD[0], STD[1], STD[1]]) },
    },
    order: `class by class in descending order${masks}`,
    alone: {
      batch: 'fixed',
      wrap: new Pyramid(model, head).wrap((graph) => {
        const input = preparedPort(graph.unique('input'));
        return { input, x: input.name };
      }),
    },
    whole(thresholds) {
      return new Pyramid(model, head, thresholds).wrap((graph) => {
        const s = new PictureSketch(graph, model.resizeBackend);
        const scale = s.scaleTo(model.minSize, model.maxSize);
        const scaled = s.scaledSize(scale);
        const rounded = s.mul(
          s.one('Div', [s.add(scaled, s.ints(STRIDE - 1)), s.ints(STRIDE)]),
          s.ints(STRIDE),
        );
        const pixels = s.minus(s.resized(s.pixels, scaled), mean);
        return {
          input: s.input,
          x: s.padded(pixels, null, s.sub(rounded, scaled)),
          picture: { size: s.floatSize, scale: s.cast(scale, 'float32') },
        };
      });
    },
  };
}

/** The picture as given. */
interface Picture {
  /** [height, width], float32. */
  readonly size: string;
  /** Of the input to it. */
  readonly scale: string;
}

/** The parts of the graph, which tell each other what they made. */
class Pyramid {
  private picture: Picture = { size: '', scale: '' };
  private x = '';
  private maps: readonly string[] = [];
  private rois = '';
  private found = { boxes: '', labels: '', scores: '' };

  /** @param thresholds null for the network alone, which decodes nothing. */
  constructor(
    private readonly model: FasterRCNNFPN,
    private readonly head: BboxHead,
    private readonly thresholds: Thresholds | null = null,
  ) {}

  wrap(begin: (graph: GraphBuilder) => { input: GraphPort; x: string; picture?: Picture }): GraphWrap {
    const { model, head, thresholds } = this;
    const drawsMasks = model.mask_head !== null && thresholds !== null;
    return {
      before: (graph) => {
        const { input, x, picture = this.picture } = begin(graph);
        Object.assign(this, { x, picture });
        return { inputs: [input], args: [x] };
      },
      forward(image: tf.Tensor4D) {
        const hs = model.extractor.call(image);
        const { locs, confs } = model.rpn.call(hs);
        return [...hs, ...locs, ...confs];
      },
      stages: [
        {
          between: (graph, outputs) => this.regions(new Sketch(graph, '/propose'), outputs),
          forward: (aligned: tf.Tensor4D) => head.classify(aligned),
        },
        ...(drawsMasks ? [this.maskStage(model.mask_head!)] : []),
      ],
      after: (graph, outputs) => {
        const s = new Sketch(graph, '/decode');
        if (thresholds === null) return this.alone(s, outputs);
        if (!drawsMasks) this.decode(s, outputs, thresholds);
        const { boxes, labels, scores } = this.found;
        const masks = drawsMasks ? [this.masks(s, outputs[0]!.name, model.mask_head!)] : [];
        return [...detectionPorts(s, boxes, labels, scores), ...masks];
      },
    };
  }

  private alone(s: Sketch, [locs, confs]: readonly GraphPort[]): GraphPort[] {
    const { nClass } = this.head;
    return [
      { name: s.named('rois', this.rois), shape: ['regions', 4], dtype: 'float32' },
      { name: s.named('locs', locs!.name), shape: ['regions', nClass, 4], dtype: 'float32' },
      { name: s.named('classes', confs!.name), shape: ['regions', nClass], dtype: 'float32' },
    ];
  }

  /** The regions that the outputs of the pyramid and of its RPN propose, aligned, level by level. */
  private regions(s: Sketch, outputs: readonly GraphPort[]) {
    const { rpn } = this.model;
    const count = rpn.scales.length;
    const names = outputs.map(({ name }) => name);
    const [maps, locs, confs] = [0, 1, 2].map((k) => names.slice(k * count, (k + 1) * count));
    this.maps = maps!;
    const size = limits(s, s.cast(s.lengths(this.x, 2, 4), 'float32'));
    const levels = maps!.map((map, level) =>
      this.proposed(s, level, map, locs![level]!, confs![level]!, size),
    );
    const all = s.join(
      levels.map(({ rois }) => rois),
      0,
    );
    const scores = s.join(
      levels.map((each) => each.scores),
      0,
    );
    const [, best] = s.topK(scores, s.atMost(s.lengths(scores, 0, 1), rpn.testNmsLimitPost));
    const { aligned, order } = this.aligned(s, s.rows(all, best), this.head);
    this.rois = s.rows(s.rows(all, best), order);
    return [{ name: aligned, shape: [1, this.head.roiSize, this.head.roiSize, CHANNELS] }];
  }

  /** The regions of one level, the best first. */
  private proposed(s: Sketch, level: number, map: string, locs: string, confs: string, size: string) {
    const { rpn } = this.model;
    const stride = 1 / rpn.scales[level]!;
    const anchors = anchorsOf(s, map, Float32Array.from(rpn.anchorBase(level)), stride, 0.5);
    const [best, at] = s.topK(confs, s.atMost(s.lengths(confs, 1, 2), rpn.testNmsLimitPre));
    const places = s.squeeze(at, 0);
    const [own, loc] = [anchors, locs].map((each) => s.rows(s.squeeze(each, 0), places));
    const boxes = clipped(s, s.moved(own!, clippedOffsets(s, loc!, 1), 1), 1, size);
    const sides = s.sub(s.slice(boxes, 1, 2, 4), s.slice(boxes, 1, 0, 2));
    const isBox = s.one('Greater', [s.reduce('ReduceMin', sides, 1), s.graph.scalar(0)]);
    const scores = s.one('Where', [isBox, s.squeeze(best, 0), s.graph.scalar(LOWEST)]);
    const found = s.suppress(
      s.unsqueeze(boxes, 0),
      s.reshape(scores, 1, 1, -1),
      rpn.nmsThresh,
      LOWEST,
      rpn.testNmsLimitPost,
    );
    const kept = s.nth(found, 1, 2);
    return { rois: s.rows(boxes, kept), scores: s.rows(scores, kept) };
  }

  /** Regions aligned on their levels. @returns also which region stands where: level by level. */
  private aligned(s: Sketch, rois: string, { scales, canonicalScale, roiSize }: BboxHead | MaskHead) {
    const sides = s.sub(s.slice(rois, 1, 2, 4), s.slice(rois, 1, 0, 2));
    const area = s.mul(s.nth(sides, 1, 0), s.nth(sides, 1, 1));
    const size = s.add(s.div(s.one('Sqrt', [area]), canonicalScale), 1e-6);
    // Level l has the sizes from 2^(l - 2) on; the last level none.
    const last = scales.length - 2;
    const from = Array.from({ length: last }, (_, l) => 2 ** (l - 1));
    const passes = s.one('GreaterOrEqual', [s.unsqueeze(size, 1), s.row(from)]);
    const level = s.one('ReduceSum', [s.cast(passes, 'int32'), s.ints(1)], { keepdims: 0 });
    const parts = Array.from({ length: last + 1 }, (_, l) => {
      const isOwn = s.one('Equal', [level, s.graph.scalar(l, 'int32')]);
      const rows = s.squeeze(s.one('NonZero', [isOwn]), 0);
      const corners = s.mul(byColumns(s, s.rows(rois, rows)), scales[l]!);
      const first = s.mul(rows, s.ints(0));
      return {
        rows,
        part: s.one('RoiAlign', [this.maps[l]!, corners, first], {
          output_height: roiSize,
          output_width: roiSize,
          sampling_ratio: SAMPLES,
          coordinate_transformation_mode: 'output_half_pixel',
        }),
      };
    });
    return {
      aligned: s.join(
        parts.map(({ part }) => part),
        0,
      ),
      order: s.join(
        parts.map(({ rows }) => rows),
        0,
      ),
    };
  }

  /** What is in the picture, from the outputs of the head. */
  private decode(
    s: Sketch,
    [locs, confs]: readonly GraphPort[],
    { nmsThresh, scoreThresh }: Thresholds,
  ): void {
    const { size, scale } = this.picture;
    const [y, x] = STD;
    const loc = clippedOffsets(s, s.mul(locs!.name, s.row([y, y, x, x])), 2);
    const moved = s.moved(s.unsqueeze(s.div(this.rois, scale), 1), loc, 2);
    const boxes = clipped(s, moved, 2, limits(s, size));
    this.found = bestOfClasses(s, boxes, confs!.name, this.head.nClass, {
      nmsThresh,
      above: below(scoreThresh),
    });
  }

  private maskStage(head: MaskHead): GraphStage {
    return {
      between: (graph, outputs) => {
        const s = new Sketch(graph, '/decode');
        this.decode(s, outputs, this.thresholds!);
        const rois = s.mul(this.found.boxes, this.picture.scale);
        const { aligned, order } = this.aligned(s, rois, head);
        // In the order of the objects again.
        const [, back] = s.topK(order, s.lengths(order, 0, 1), 0);
        return [{ name: s.rows(aligned, back), shape: [1, head.roiSize, head.roiSize, CHANNELS] }];
      },
      forward: (aligned: tf.Tensor4D) => head.draw(aligned),
    };
  }

  /** Small masks of the objects' classes stretched over their boxes, as `segmToMask`. @param segms (R, nClass, 28, 28). */
  private masks(s: Sketch, segms: string, { segmSize }: MaskHead): GraphPort {
    const { boxes, labels } = this.found;
    const { size } = this.picture;
    const rows = s.one('Range', [
      s.graph.scalar(0, 'int64'),
      s.squeeze(s.lengths(labels, 0, 1), 0),
      s.graph.scalar(1, 'int64'),
    ]);
    const places = s.join([s.unsqueeze(rows, 1), s.unsqueeze(s.add(labels, s.ints(1)), 1)], 1);
    const own = s.one('Sigmoid', [s.one('GatherND', [segms, places])]);
    const padded = s.one('Pad', [own, s.ints(0, 1, 1, 0, 1, 1)]);
    const side = segmSize + 2;
    const [low, high] = [s.slice(boxes, 1, 0, 2), s.slice(boxes, 1, 2, 4)];
    const middle = s.mul(s.add(low, high), 0.5);
    const half = s.mul(s.mul(s.sub(high, low), 0.5), side / segmSize);
    const [from, to] = [s.sub(middle, half), s.add(middle, half)].map((x) => s.one('Round', [x]));
    // The weights of the rows (or columns) of a small mask in each row of the picture: (R, rows, side).
    const weights = (axis: 0 | 1) => {
      const end = s.squeeze(s.slice(size, 0, axis, axis + 1), 0);
      const pixels = s.one('Range', [s.graph.scalar(0), end, s.graph.scalar(1)]);
      const [first, after] = [from, to].map((x) => s.slice(x!, 1, axis, axis + 1));
      const away = s.sub(s.unsqueeze(pixels, 0), first!);
      const length = s.sub(after!, first!);
      const wanted = s.sub(s.mul(s.add(away, 0.5), s.one('Div', [s.graph.scalar(side), length])), 0.5);
      const at = s.least(s.largest(wanted, 0), side - 1);
      const taps = s.row(Array.from({ length: side }, (_, i) => i));
      const distance = s.one('Abs', [s.sub(s.unsqueeze(at, 2), taps)]);
      const weight = s.one('Relu', [s.one('Sub', [s.graph.scalar(1), distance])]);
      const isInside = s.one('And', [
        s.one('GreaterOrEqual', [away, s.graph.scalar(0)]),
        s.one('Less', [away, length]),
      ]);
      return s.one('Where', [s.unsqueeze(isInside, 2), weight, s.graph.scalar(0)]);
    };
    const stretched = s.one('MatMul', [
      s.one('MatMul', [weights(0), padded]),
      s.transpose(weights(1), 0, 2, 1),
    ]);
    const mask = s.cast(s.one('Greater', [stretched, s.graph.scalar(0.5)]), 'uint8');
    return { name: s.named('masks', mask), shape: ['found', 'height', 'width'], dtype: 'uint8' };
  }
}

/** Offsets whose logarithms of sides are not beyond all bounds. */
function clippedOffsets(s: Sketch, loc: string, axis: number): string {
  return s.join([s.slice(loc, axis, 0, 2), s.least(s.slice(loc, axis, 2, 4), EXP_CLIP)], axis);
}

/** Clips the first corners at 0 and the second ones at the size only. @param size [height, width, height, width]. */
function clipped(s: Sketch, boxes: string, axis: number, size: string): string {
  const low = s.largest(s.slice(boxes, axis, 0, 2), 0);
  return s.join([low, s.least(s.slice(boxes, axis, 2, 4), s.slice(size, 0, 0, 2))], axis);
}
