/** Faster R-CNN as an ONNX graph: two traced networks, with proposals and pooling between them. */
import type { GraphPort, GraphWrap } from '@chaingrad/onnx';
import type * as tf from '@tensorflow/tfjs-core';
import { VisionOptionError } from '../../errors.ts';
import { nameOf } from '../detector.ts';
import { type DetectorGraph, detectionPorts } from '../onnx/onnx-of-detector.ts';
import { PictureSketch } from '../onnx/picture.ts';
import { anchorsOf, bestOfClasses, byColumns, limits, preparedPort } from '../onnx/regions.ts';
import { LOWEST, Sketch } from '../onnx/sketch.ts';
import type { FasterRCNN, FasterRCNNHead } from './faster-rcnn.ts';

/** A head that classifies pooled regions: the pooling before it is the same in every network. */
export interface PooledHead extends FasterRCNNHead {
  /** Side of a pooled region. */
  readonly roiSize: number;
  /** Pixels of the feature map in one of the input. */
  readonly spatialScale: number;
  /** @param pooled (R, roiSize, roiSize, C). @returns what `forward` does. */
  classify(pooled: tf.Tensor4D): [roiClsLocs: tf.Tensor2D, roiScores: tf.Tensor2D];
}

/** @throws VisionOptionError for a head whose pooling is its own. */
export function fasterRCNNGraph(model: FasterRCNN): DetectorGraph {
  const head = model.head as Partial<PooledHead> & FasterRCNNHead;
  if (!(head.roiSize !== undefined && head.spatialScale !== undefined && head.classify !== undefined))
    throw new VisionOptionError(
      'onnxOfDetector',
      'head',
      'a head with roiSize, spatialScale and classify(pooled)',
      head.constructor.name,
    );
  const pooling = head as PooledHead;
  return {
    inputs: [[1, 224, 224, 3]],
    options: { size: 'dynamic' },
    about: {
      description:
        `${nameOf(model)} without its decoding. Input: one picture whose shorter side has ${model.minSize} pixels, RGB, minus the ` +
        'mean. Outputs: regions (yMin, xMin, yMax, xMax) in its pixels, the best first, their offsets and class outputs.',
      mean: model.mean,
      more: {
        loc_normalize_mean: JSON.stringify(model.locNormalizeMean),
        loc_normalize_std: JSON.stringify(model.locNormalizeStd),
      },
    },
    alone: {
      batch: 'fixed',
      wrap: twoStages(model, pooling, {
        before(graph) {
          const input = preparedPort(graph.unique('input'));
          return { input, x: input.name, scale: null };
        },
        after: (s, { rois }, [locs, classes]) => [
          { name: s.named('rois', rois), shape: ['regions', 4], dtype: 'float32' },
          { name: s.named('locs', locs!.name), shape: ['regions', 4 * head.nClass], dtype: 'float32' },
          { name: s.named('classes', classes!.name), shape: ['regions', head.nClass], dtype: 'float32' },
        ],
      }),
    },
    whole(thresholds) {
      let size = '';
      return twoStages(model, pooling, {
        before(graph) {
          const s = new PictureSketch(graph, model.resizeBackend);
          size = s.floatSize;
          const scaled = s.scaledSize(s.scaleTo(model.minSize, model.maxSize));
          // The ratio of the widths, for both axes.
          const scale = s.slice(s.div(s.cast(scaled, 'float32'), size), 0, 1, 2);
          return { input: s.input, x: s.minus(s.resized(s.pixels, scaled), model.mean), scale };
        },
        after(s, { rois, scale }, [locs, classes]) {
          const { nClass } = head;
          const loc = s.add(
            s.mul(s.reshape(locs!.name, -1, nClass, 4), s.row(model.locNormalizeStd)),
            s.row(model.locNormalizeMean),
          );
          const moved = s.moved(s.unsqueeze(s.div(rois, scale!), 1), loc, 2);
          const boxes = s.least(s.largest(moved, 0), limits(s, size));
          // A score must exceed the threshold, unlike in other detectors.
          const own = { nmsThresh: thresholds.nmsThresh, above: thresholds.scoreThresh };
          const found = bestOfClasses(s, boxes, classes!.name, nClass, own);
          return detectionPorts(s, found.boxes, found.labels, found.scores);
        },
      });
    },
  };
}

/** What the parts of the graph tell each other. */
interface Parts {
  /** (S, 4) in pixels of the input. */
  readonly rois: string;
  /** Of the input to the picture as given; null for 1. */
  readonly scale: string | null;
}

interface Ends {
  before(graph: Parameters<GraphWrap['before']>[0]): {
    readonly input: GraphPort;
    readonly x: string;
    readonly scale: string | null;
  };
  after(s: Sketch, parts: Parts, outputs: readonly GraphPort[]): GraphPort[];
}

function twoStages(model: FasterRCNN, head: PooledHead, ends: Ends): GraphWrap {
  let x = '';
  let parts: Parts = { rois: '', scale: null };
  return {
    before(graph) {
      const begun = ends.before(graph);
      x = begun.x;
      parts = { rois: '', scale: begun.scale };
      return { inputs: [begun.input], args: [x] };
    },
    forward(image: tf.Tensor4D) {
      const h = model.extractor.call(image) as tf.Tensor4D;
      return [h, ...model.rpn.outputs(h)];
    },
    stages: [
      {
        between(graph, [h, locs, scores]) {
          const s = new Sketch(graph, '/propose');
          const size = limits(s, s.cast(s.lengths(x, 2, 4), 'float32'));
          const anchors = anchorsOf(s, h!.name, model.rpn.anchorBase, model.rpn.featStride);
          const moved = s.least(s.largest(s.moved(anchors, locs!.name, 2), 0), size);
          parts = { ...parts, rois: proposed(s, model, moved, s.nth(scores!.name, 2, 1), parts.scale) };
          return [
            {
              name: pooled(s, h!.name, parts.rois, head),
              shape: [1, head.roiSize, head.roiSize, h!.shape[1] as number],
            },
          ];
        },
        forward: (regions: tf.Tensor4D) => head.classify(regions),
      },
    ],
    after: (graph, outputs) => ends.after(new Sketch(graph, '/decode'), parts, outputs),
  };
}

/** As `ProposalCreator` in a test. @param boxes (1, K, 4). @param scores (1, K). @returns (S, 4). */
function proposed(s: Sketch, model: FasterRCNN, boxes: string, scores: string, scale: string | null): string {
  const { nmsThresh, nTestPreNms, nTestPostNms, minSize } = model.rpn.proposalLayer.options;
  const sides = s.sub(s.slice(boxes, 2, 2, 4), s.slice(boxes, 2, 0, 2));
  const least = scale === null ? s.row([minSize]) : s.mul(scale, minSize);
  const isLarge = s.one('GreaterOrEqual', [s.reduce('ReduceMin', sides, 2), least]);
  const own = s.one('Where', [isLarge, scores, s.graph.scalar(LOWEST)]);
  const [best, at] = s.topK(own, s.atMost(s.lengths(own, 1, 2), nTestPreNms));
  const kept = s.rows(s.squeeze(boxes, 0), s.squeeze(at, 0));
  const found = s.suppress(s.unsqueeze(kept, 0), s.unsqueeze(best, 1), nmsThresh, LOWEST, nTestPostNms);
  return s.rows(kept, s.nth(found, 1, 2));
}

/** As `roiPooling2D`: corners are rounded half to even, which ONNX' pooling by itself does not do. */
function pooled(s: Sketch, map: string, rois: string, { roiSize, spatialScale }: PooledHead): string {
  const corners = s.one('Round', [s.mul(byColumns(s, rois), spatialScale)]);
  const first = s.mul(s.slice(corners, 1, 0, 1), 0);
  return s.one('MaxRoiPool', [map, s.join([first, corners], 1)], { pooled_shape: [roiSize, roiSize] });
}
