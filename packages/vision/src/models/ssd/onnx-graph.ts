/** An SSD as an ONNX graph. */
import type { GraphPort } from '@chaingrad/onnx';
import type { Thresholds } from '../detector.ts';
import { nameOf } from '../detector.ts';
import { type DetectorGraph, detectionPorts } from '../onnx/onnx-of-detector.ts';
import { PictureSketch } from '../onnx/picture.ts';
import { below, Sketch } from '../onnx/sketch.ts';
import type { SSD } from './ssd.ts';

export function ssdGraph(model: SSD): DetectorGraph {
  const { preparation, insize, scoreFunction, coder } = model;
  return {
    inputs: [[1, insize, insize, 3]],
    about: {
      description:
        `${nameOf(model)} without its post-processing. Input: pictures of ${insize} x ${insize}, RGB, divided by ` +
        `${preparation.divisor}, minus the mean. Outputs: offsets and class outputs of the default boxes.`,
      mean: preparation.mean,
      inputRange: [range(preparation, 0), range(preparation, 255)],
      // What decodes the outputs.
      more: { score_function: scoreFunction, variance: JSON.stringify(coder.variance) },
    },
    alone: { outputNames: ['offsets', 'classes'] },
    whole(thresholds) {
      // The pixels of the picture in one unit of the boxes, found with the input, used with the output.
      let scale = '';
      return {
        before(graph) {
          const s = new PictureSketch(graph, model.resizeBackend);
          const { fit, divisor, mean } = preparation;
          const x = s.square(insize, fit);
          const arg = s.minus(divisor === 1 ? x : s.div(x, divisor), mean);
          const side = s.cast(fit === 'square' ? s.longerSide : s.size, 'float32');
          const unit = s.mul(side, s.row(model.boxScale([1, 1])));
          scale = s.join([unit, unit], 0);
          return { inputs: [s.input], args: [arg] };
        },
        after: (graph, outputs) => decoded(new Sketch(graph, '/decode'), model, outputs, scale, thresholds),
      };
    },
  };
}

const range = ({ divisor, mean }: SSD['preparation'], value: number): number => {
  const means = [mean].flat() as number[];
  const all = means.map((each) => value / divisor - each);
  return value === 0 ? Math.min(...all) : Math.max(...all);
};

function decoded(
  s: Sketch,
  model: SSD,
  [offsets, classes]: readonly GraphPort[],
  scale: string,
  { nmsThresh, scoreThresh }: Thresholds,
): GraphPort[] {
  const { coder, scoreFunction, nGivenClass } = model;
  const count = coder.length;
  const [position, size] = coder.variance;
  const column = (at: number) =>
    Array.from({ length: count * 2 }, (_, i) => coder.defaultBbox[4 * (i >> 1) + at + (i % 2)]!);
  const pairs = (values: number[]) => s.graph.floats(values, [count, 2]);
  const [centres, sides] = [column(0), column(2)];

  const [move, stretch] = s.graph.node(s.path, 'Split', [offsets!.name, s.ints(2, 2)], { axis: 2 }, 2);
  const lengths = s.mul(s.one('Exp', [s.mul(stretch!, size)]), pairs(sides));
  const middle = s.add(s.mul(move!, pairs(sides.map((side) => side * position))), pairs(centres));
  const low = s.sub(middle, s.mul(lengths, 0.5));
  const boxes = s.join([low, s.add(low, lengths)], 2);

  const all =
    scoreFunction === 'softmax'
      ? s.one('Softmax', [classes!.name], { axis: 2 })
      : s.one('Sigmoid', [classes!.name]);
  // Column 0 is the background.
  const scores = s.transpose(s.slice(all, 2, 1, 1 + nGivenClass), 0, 2, 1);
  const found = s.suppress(boxes, scores, nmsThresh, below(scoreThresh));
  const kept = s.rows(s.squeeze(boxes, 0), s.nth(found, 1, 2));
  return detectionPorts(s, s.mul(kept, scale), s.nth(found, 1, 1), s.one('GatherND', [scores, found]));
}
