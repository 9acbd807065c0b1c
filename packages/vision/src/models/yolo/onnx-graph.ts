/** A YOLO as an ONNX graph. */
import type { GraphPort } from '@chaingrad/onnx';
import type { Thresholds } from '../detector.ts';
import { type DetectorGraph, detectionPorts } from '../onnx/onnx-of-detector.ts';
import { PictureSketch } from '../onnx/picture.ts';
import { below, Sketch } from '../onnx/sketch.ts';
import type { YOLOBase } from './yolo-base.ts';

/** Where a picture lies in the input: [height, width] of both, float32. */
interface Placed {
  readonly size: string;
  readonly scaled: string;
}

export function yoloGraph(model: YOLOBase): DetectorGraph {
  const { insize } = model;
  return {
    inputs: [[1, insize, insize, 3]],
    about: {
      description:
        `Finds objects. Input: pictures, RGB 0..1, shrunk into ${insize} x ${insize} with 0.5 around them. ` +
        'Outputs: offsets, objectness and class outputs of the default boxes.',
      inputRange: [0, 1],
    },
    alone: { outputNames: ['locs', 'objs', 'confs'] },
    whole(thresholds) {
      let placed: Placed;
      return {
        before(graph) {
          const s = new PictureSketch(graph, model.resizeBackend);
          // A smaller picture is not enlarged.
          const factor = s.least(
            s.reduce('ReduceMin', s.toReach(insize), 0, 1),
            s.cast(s.row([1]), 'float64'),
          );
          const scaled = s.largest(s.scaledSize(factor), s.ints(1));
          const free = s.sub(s.ints(insize), scaled);
          const before = s.one('Div', [free, s.ints(2)]);
          const x = s.padded(s.resized(s.pixels, scaled), before, s.sub(free, before), 127.5);
          placed = { size: s.floatSize, scaled: s.cast(scaled, 'float32') };
          return { inputs: [s.input], args: [s.div(x, 255)] };
        },
        after: (graph, outputs) => decoded(new Sketch(graph, '/decode'), model, outputs, placed, thresholds),
      };
    },
  };
}

function decoded(
  s: Sketch,
  { defaultBbox, step, anchorUnit, insize, scoreFunction }: YOLOBase,
  [locs, objs, confs]: readonly GraphPort[],
  { size, scaled }: Placed,
  { nmsThresh, scoreThresh }: Thresholds,
): GraphPort[] {
  const count = step.length;
  const pairs = (value: (row: number, axis: number) => number) =>
    s.graph.floats(
      Array.from({ length: 2 * count }, (_, i) => value(i >> 1, i % 2)),
      [count, 2],
    );
  const cells = pairs((row, axis) => defaultBbox[4 * row + axis]!);
  const halves = pairs(
    (row, axis) => (defaultBbox[4 * row + 2 + axis]! * (anchorUnit === 'cell' ? step[row]! : 1)) / 2,
  );
  const move = s.one('Sigmoid', [s.slice(locs!.name, 2, 0, 2)]);
  const middle = s.mul(s.add(move, cells), s.graph.floats(step, [count, 1]));
  const half = s.mul(s.one('Exp', [s.slice(locs!.name, 2, 2, 4)]), halves);
  const boxes = s.join([s.sub(middle, half), s.add(middle, half)], 2);

  const sure = s.unsqueeze(s.one('Sigmoid', [objs!.name]), 2);
  const classes =
    scoreFunction === 'softmax'
      ? s.one('Softmax', [confs!.name], { axis: 2 })
      : s.one('Sigmoid', [confs!.name]);
  const scores = s.transpose(s.mul(classes, sure), 0, 2, 1);
  const found = s.suppress(boxes, scores, nmsThresh, below(scoreThresh));
  // From the middle of the input to the middle of the picture.
  const kept = s.rows(s.squeeze(boxes, 0), s.nth(found, 1, 2));
  const twice = (x: string) => s.join([x, x], 0);
  const around = s.mul(s.sub(kept, insize / 2), twice(s.div(size, scaled)));
  const placed = s.add(around, twice(s.div(size, 2)));
  return detectionPorts(s, placed, s.nth(found, 1, 1), s.one('GatherND', [scores, found]));
}
