/** What `chaingrad evaluate` does, once its options are read. */
import { apTable, confusionTable } from '../../average-precision.ts';
import { expectObjects, openTest, tellProblems } from '../../detection-data.ts';
import { openDetector } from '../../detector.ts';
import { oneLine } from '../../errors.ts';
import { readLabels } from '../../labels.ts';
import { measure, preloadFor } from '../../measure.ts';
import type { detectors } from '../../models.ts';
import { type BackendArguments, startBackend } from '../../start-backend.ts';

export interface EvaluateOptions extends BackendArguments {
  readonly data: string;
  readonly images?: string;
  readonly weights?: string;
  readonly names?: string;
  readonly model?: keyof typeof detectors;
  readonly split?: string;
  readonly labels?: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

/**
 * Measures the average precision of a detector on the images of a folder and prints it class by class.
 *
 * @throws CliError and the errors of the libraries.
 */
export async function evaluate(options: EvaluateOptions): Promise<void> {
  await startBackend(options);
  const given = options.labels === undefined ? undefined : await readLabels(options.labels);
  using detector = await openDetector(options.model, {
    weights: options.weights,
    names: options.names,
    labelNames: given,
  });
  const { labelNames } = detector;
  const { data, images, split, json } = options;
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const onProblem = options.strict ? 'refuse' : 'skip';
  const dataset = await (await openTest({ data, images, split, labelNames, onProblem }, say)).preload(
    preloadFor(detector.model),
  );
  const { problems } = dataset;
  const print = (value: object) => process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  tellProblems(data, problems, say);
  try {
    expectObjects(data, dataset, 'to test with');
  } catch (error) {
    if (json) print({ images: dataset.length, map: null, ap: {}, problems, error: oneLine(error) });
    throw error;
  }
  const report = await measure(detector.model, dataset, labelNames);
  if (json) print({ ...report, problems });
  else process.stdout.write(apTable(report) + confusionTable(report.confusion));
}
