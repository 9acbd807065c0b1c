/** What `chaingrad evaluate` does, once its options are read. */
import { useBackend } from '@chaingrad/core';
import { SerialIterator } from '@chaingrad/training';
import { DetectionVOCEvaluator } from '@chaingrad/vision';
import { apReport, apTable } from '../../average-precision.ts';
import { hasLists, heldOut, openData, tellProblems } from '../../detection-data.ts';
import { openDetector } from '../../detector.ts';
import { CliError } from '../../errors.ts';
import { readLabels } from '../../labels.ts';
import type { detectors } from '../../models.ts';
import type { BackendChoice } from '../../options.ts';

export interface EvaluateOptions {
  readonly data: string;
  readonly weights?: string;
  readonly names?: string;
  readonly model: keyof typeof detectors;
  readonly split?: string;
  readonly labels?: string;
  readonly strict?: boolean;
  readonly json?: boolean;
  readonly backend: BackendChoice;
}

/**
 * Measures the average precision of a detector on the images of a folder and prints it class by class.
 *
 * @throws CliError and the errors of the libraries.
 */
export async function evaluate(options: EvaluateOptions): Promise<void> {
  await useBackend(options.backend);
  const given = options.labels === undefined ? undefined : await readLabels(options.labels);
  using detector = await openDetector(options.model, {
    weights: options.weights,
    names: options.names,
    labelNames: given,
  });
  const { labelNames } = detector;
  const { data, split } = options;
  const opened = await openData({
    data,
    split,
    fallback: 'test',
    labelNames,
    onProblem: options.strict ? 'refuse' : 'skip',
  });
  // The images that `finetune` has held out, where the folder has no lists.
  const dataset = await (split === undefined && !hasLists(data) ? heldOut(opened)[1] : opened).preload();
  tellProblems(dataset);
  if (dataset.length === 0) throw new CliError(`${data}: there are no images to test with`);
  const iterator = new SerialIterator(dataset, 4, { repeat: false, shuffle: false });
  const evaluator = new DetectionVOCEvaluator(iterator, detector.model, { labelNames });
  await evaluator.evaluate();
  const report = apReport(evaluator.result!, labelNames, dataset.length);
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : apTable(report));
}
