/** Detectors from the picture to the boxes, here and in ONNX Runtime. */
import { exportOnnx } from '@chaingrad/onnx';
import {
  type ExportableDetector,
  type Image,
  onnxOfDetector,
  type Predictions,
  type PredictOptions,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { callRuntime, type RuntimeName } from './support.ts';

/** Boxes of one picture, one row each. */
function rows({ bboxes, labels, scores }: Predictions) {
  return [...labels[0]!].map((label, i) => ({
    label,
    score: scores[0]![i]!,
    box: [...bboxes[0]!.subarray(4 * i, 4 * i + 4)],
  }));
}

export interface DetectionTolerance {
  /** Of scores. Default 1e-5. */
  readonly score?: number;
  /** Of coordinates, in sides of the picture, or of the box where that is longer. Default 1e-5. */
  readonly box?: number;
}

/** Expects the same objects in the same order. @returns their number, and what the file gave. */
export async function expectDetections(
  model: ExportableDetector,
  picture: Image<Uint8Array>,
  options: PredictOptions,
  runtime: RuntimeName,
  { score = 1e-5, box = 1e-5 }: DetectionTolerance = {},
) {
  const bytes = await exportOnnx(model, ...onnxOfDetector(model, { postprocess: true, ...options }));
  const outputs = await callRuntime(bytes, [{ dtype: 'uint8', ...picture }], runtime);
  const { boxes, labels, scores } = outputs;
  const predicted = await model.predict([picture], options);
  const here = rows(predicted);
  // Where all are kept ours come box by box, ONNX' by score.
  if (options.nmsThresh === null) here.sort((a, b) => a.label - b.label || b.score - a.score);
  const there = rows({
    bboxes: [boxes!.data as Float32Array],
    labels: [labels!.data as Int32Array],
    scores: [scores!.data as Float32Array],
  });
  expect(there.map(({ label }) => label)).to.deep.equal(here.map(({ label }) => label));
  const side = Math.max(...picture.shape);
  const free = new Set(there);
  here.forEach((wanted, i) => {
    expect(there[i]!.score, `score ${i}`).to.be.closeTo(wanted.score, score);
    const unit = Math.max(side, ...wanted.box.map(Math.abs));
    // Of equal scores either may come first.
    const partner = [...free].find(
      (each) =>
        each.label === wanted.label &&
        Math.abs(each.score - wanted.score) <= score &&
        each.box.every((value, k) => Math.abs(value - wanted.box[k]!) <= box * unit),
    );
    expect(partner, `box ${i} of ${wanted.box}, where ONNX Runtime has ${there[i]!.box}`).to.not.equal(
      undefined,
    );
    free.delete(partner!);
  });
  return { found: here.length, outputs, predicted };
}
