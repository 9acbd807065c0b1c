/** The work of `chaingrad convert`. */
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Calibration, Chain } from '@chaingrad/core';
import type { ArrayLoss, ConvertedFile, NameMapName } from '@chaingrad/weights';
import { CliError, oneLine, UnknownNameError } from '../../errors.ts';
import { parseModel } from '../../models.ts';
import type { CalibratedFile } from './calibrated.ts';

export interface ConvertFileOptions {
  readonly dtype?: 'f16' | 'u8' | 'i8' | undefined;
  readonly shards?: number | undefined;
  readonly names?: string | undefined;
  /** A folder of pictures, with which the model is calibrated. */
  readonly calibrate?: string | undefined;
  /** The model that the weights are of, to run it with them before and after. */
  readonly model?: string | undefined;
}

/**
 * Converts a file and prints what was written and what was lost.
 * @throws CliError for wrong options; the errors of the readers and writers.
 */
export async function convert(
  input: string,
  output: string,
  { dtype, shards, names, calibrate, model }: ConvertFileOptions,
): Promise<void> {
  if (calibrate !== undefined && dtype !== 'i8')
    throw new CliError('--calibrate lets a model compute in 8 bits: pass --dtype i8, too');
  if (dtype === 'i8' && !output.endsWith('.safetensors'))
    throw new CliError(`${output}: with --dtype i8 the file to write must end in .safetensors`);
  const checked = model === undefined ? undefined : parseModel(model);
  const { convertWeights, nameMaps, openWeights, readCalibration } = await import('@chaingrad/weights');
  if (names !== undefined && !Object.hasOwn(nameMaps, names)) {
    throw new UnknownNameError('map of names', names, Object.keys(nameMaps));
  }
  const map = names as NameMapName | undefined;
  await using file = await openWeights(input);
  const folder = dirname(output);
  const calibrated =
    calibrate === undefined
      ? null
      : await (await import('./calibrated.ts')).calibratedFile(file, input, calibrate, { model, names });
  const source = calibrated?.file ?? file;
  const { files, losses, left } = await convertWeights(source, basename(output), {
    dtype,
    shards,
    // The calibrated one has ours.
    names: calibrated === null ? map : undefined,
  });
  const arithmetic = dtype === 'i8' ? [arithmeticLine(readCalibration(source), calibrated)] : [];
  await write(folder, files);
  const lines = files.map(
    ({ name, bytes }) => `wrote ${join(folder, name)} (${(bytes.length / 1e6).toFixed(2)} MB)`,
  );
  if (left.length > 0) lines.push(`left out, as the format has no texts: ${left.join(', ')}`);
  process.stdout.write(`${[...lines, ...lossLines(losses), ...arithmetic].join('\n')}\n`);
  if (checked === undefined) return;
  const before = await outputs(checked, input, map);
  const after = await outputs(checked, join(folder, files[0]!.name));
  process.stdout.write(`${differenceLine(model!, before, after)}\n`);
}

async function write(folder: string, files: readonly ConvertedFile[]): Promise<void> {
  const { writeFiles } = await import('@chaingrad/weights');
  try {
    await mkdir(folder, { recursive: true });
    await writeFiles(files.map(({ name, bytes }) => ({ path: join(folder, name), content: bytes })));
  } catch (error) {
    throw new CliError(`cannot write to ${folder}: ${oneLine(error)}`);
  }
}

/** In what a model with these weights computes. */
function arithmeticLine(calibration: Calibration, pictures: CalibratedFile | null): string {
  const count = Object.keys(calibration).length;
  if (pictures === null) {
    return count === 0
      ? 'a model with these weights computes in float: --calibrate DIR lets it compute in 8 bits, on wasm'
      : `${count} convolutions are calibrated to compute in 8 bits, on wasm, as they were before`;
  }
  const { used, found, convolutions } = pictures;
  const by = `with ${used} of ${found} ${found === 1 ? 'picture' : 'pictures'}`;
  const others =
    count < convolutions
      ? '; the others stay in float: rounding would change their outputs by more than 3 %'
      : '';
  return `${count} of ${convolutions} convolutions are calibrated to compute in 8 bits, on wasm, ${by}${others}`;
}

/** What a model gives for a picture of soft noise, the same at every call. */
async function outputs(
  { entry, args }: ReturnType<typeof parseModel>,
  source: string,
  names?: NameMapName,
): Promise<Float32Array[]> {
  const [{ useBackend }, tf, { load }] = await Promise.all([
    import('@chaingrad/core'),
    import('@tensorflow/tfjs-core'),
    import('@chaingrad/weights'),
  ]);
  await useBackend('auto');
  const model: Chain = (await entry.create(args)).initialize(entry.inputShape);
  try {
    await load(model, source, names === undefined ? {} : { names });
    const [, height, width, channels] = entry.inputShape;
    const x = tf.tidy(() =>
      tf.image.resizeBilinear(tf.randomUniform([1, 16, 16, channels], -100, 100, 'float32', 7) as never, [
        height,
        width,
      ]),
    );
    const y = model.evaluating(() => model.call(x as never) as unknown);
    const tensors = [y].flat().filter((value) => value instanceof tf.Tensor);
    const values = await Promise.all(tensors.map(async (tensor) => Float32Array.from(await tensor.data())));
    tf.dispose([x, ...tensors]);
    return values;
  } finally {
    model.dispose();
  }
}

function differenceLine(
  model: string,
  before: readonly Float32Array[],
  after: readonly Float32Array[],
): string {
  let [difference, largest] = [0, 0];
  before.forEach((values, i) => {
    values.forEach((value, k) => {
      difference = Math.max(difference, Math.abs(value - after[i]![k]!));
      largest = Math.max(largest, Math.abs(value));
    });
  });
  const ratio = ((100 * difference) / (largest || 1)).toPrecision(3);
  return `${model}: an output differs by at most ${difference.toPrecision(3)}, ${ratio} % of the largest`;
}

/** The lines that tell what was lost. */
function lossLines(losses: readonly ArrayLoss[]): string[] {
  if (losses.length === 0) return ['every value is kept exactly'];
  const relative = ({ squaredError, squaredValues }: ArrayLoss) =>
    Math.sqrt(squaredError / (squaredValues || 1));
  const sum = (field: 'values' | 'squaredError' | 'squaredValues') =>
    losses.reduce((n, loss) => n + loss[field], 0);
  const all = Math.sqrt(sum('squaredError') / (sum('squaredValues') || 1));
  const worst = [...losses].sort((a, b) => relative(b) - relative(a))[0]!;
  const percent = (x: number) => `${(100 * x).toPrecision(3)} %`;
  return [
    `${losses.length} arrays, ${sum('values').toLocaleString('en-US')} values changed by ${percent(all)} (root mean square)`,
    `most: ${worst.key} by ${percent(relative(worst))}, one value by ${worst.maxError.toPrecision(3)} of at most ${worst.maxValue.toPrecision(3)}`,
  ];
}
