/** CenterNet as an ONNX graph. */
import type { GraphPort } from '@chaingrad/onnx';
import type { Thresholds } from '../detector.ts';
import { type DetectorGraph, detectionPorts } from '../onnx/onnx-of-detector.ts';
import { PictureSketch } from '../onnx/picture.ts';
import { below, Sketch } from '../onnx/sketch.ts';
import type { CenterNet } from './centernet.ts';

/** @param mostObjects of a picture. */
export function centerNetGraph(model: CenterNet, mostObjects: number): DetectorGraph {
  const { insize } = model;
  return {
    inputs: [[1, insize, insize, 3]],
    about: {
      description:
        `CenterNet without its post-processing. Input: pictures of ${insize} x ${insize}, RGB, 0..255. Outputs: scores of the ` +
        'classes at each place, and the distances from there to the left, top, right and bottom of its box, in pixels of the input.',
      inputRange: [0, 255],
    },
    // Graph-models of tfjs say how many images they take: this one one.
    alone: { batch: 'fixed', outputNames: ['peaks', 'sides'] },
    order: `the best first, ${mostObjects} at most`,
    whole(thresholds) {
      let scale = '';
      return {
        before(graph) {
          const s = new PictureSketch(graph, model.resizeBackend);
          scale = s.div(s.cast(s.longerSide, 'float32'), insize);
          return { inputs: [s.input], args: [s.square(insize, 'square')] };
        },
        after(graph, outputs) {
          const s = new Sketch(graph, '/decode');
          return decoded(s, model, outputs, mostObjects, scale, thresholds);
        },
      };
    },
  };
}

function decoded(
  s: Sketch,
  { insize, nFgClass }: CenterNet,
  [peaks, sides]: readonly GraphPort[],
  mostObjects: number,
  scale: string,
  { nmsThresh, scoreThresh }: Thresholds,
): GraphPort[] {
  const [, , height, width] = peaks!.shape as readonly number[];
  const step = insize / width!;
  // Places that no neighbour's score of the class exceeds.
  const around = s.one('MaxPool', [peaks!.name], {
    kernel_shape: [3, 3],
    strides: [1, 1],
    pads: [1, 1, 1, 1],
  });
  const isPeak = s.one('GreaterOrEqual', [peaks!.name, around]);
  const own = s.one('Where', [isPeak, peaks!.name, s.graph.scalar(-1)]);
  const most = Math.min(mostObjects, height! * width! * nFgClass);
  const [best, at] = s.topK(s.reshape(s.transpose(own, 0, 2, 3, 1), -1), s.ints(most));
  const [place, label] = [s.one('Div', [at, s.ints(nFgClass)]), s.one('Mod', [at, s.ints(nFgClass)])];
  const [row, column] = [s.one('Div', [place, s.ints(width!)]), s.one('Mod', [place, s.ints(width!)])];
  const pixels = (x: string) => s.unsqueeze(s.mul(s.cast(x, 'float32'), step), 1);
  const centre = s.join([pixels(row), pixels(column)], 1);
  const distances = s.rows(s.reshape(s.transpose(sides!.name, 0, 2, 3, 1), -1, 4), place);
  const boxes = s.join(
    [s.sub(centre, s.take(distances, 1, [1, 0])), s.add(centre, s.take(distances, 1, [3, 2]))],
    1,
  );
  // Each class sees its own peaks only.
  const classes = s.graph.floats(
    Array.from({ length: nFgClass }, (_, i) => i),
    [nFgClass, 1],
  );
  const isOwn = s.one('Equal', [s.cast(label, 'float32'), classes]);
  const scores = s.one('Where', [isOwn, best, s.graph.scalar(-1)]);
  const found = s.suppress(s.unsqueeze(boxes, 0), s.unsqueeze(scores, 0), nmsThresh, below(scoreThresh));
  const kept = s.nth(found, 1, 2);
  // They stand in the order of their scores.
  const [order] = s.topK(kept, s.lengths(kept, 0, 1), 0);
  return detectionPorts(s, s.mul(s.rows(boxes, order), scale), s.rows(label, order), s.rows(best, order));
}
