/** A model that is calibrated with pictures, so that it computes in 8 bits. */
import { existsSync } from 'node:fs';
import { type Chain, calibrate, roundableConvolutions, useBackend } from '@chaingrad/core';
import { FeaturePredictor, type Image } from '@chaingrad/vision';
import { openWeights, serialize, type WeightFile } from '@chaingrad/weights';
import { eachPicture } from '../../each-picture.ts';
import { CliError } from '../../errors.ts';
import { pictures } from '../../inputs.ts';
import { type OpenModelOptions, openModel } from '../../open-model.ts';
import { createProgress } from '../../progress.ts';

/** The most pictures that are looked at: more hardly change a range. */
const most = 100;

export interface CalibratedFile {
  /** All that the model has, in float, under our names, with its calibration; in memory. */
  readonly file: WeightFile;
  /** From how many pictures of how many in the folder. */
  readonly used: number;
  readonly found: number;
  /** Convolutions that could have been calibrated. */
  readonly convolutions: number;
}

/**
 * Runs a model with pictures of a folder, one after the other, and keeps the ranges of what its convolutions get.
 * @param opened the input, the texts of which are carried along.
 * @param input where it was opened from: a file, or the name of a model.
 * @throws CliError where no picture can be read, the model has no convolutions of ours, or the file does not tell of which model it is; the errors of the readers.
 */
export async function calibratedFile(
  opened: WeightFile,
  input: string,
  folder: string,
  options: OpenModelOptions,
): Promise<CalibratedFile> {
  if (!existsSync(folder)) throw new CliError(`${folder}: no such folder`);
  const all = await pictures([folder]);
  const files = spread(all);
  await useBackend('auto');
  const progress = createProgress(1);
  progress.next(input);
  const model = await openModel(input, options, progress.say).finally(progress.stop);
  try {
    const convolutions = [...roundableConvolutions(model)].length;
    if (convolutions === 0)
      throw new CliError(`${input} has no convolutions that can compute in 8 bits: leave --calibrate out`);
    const predict = predictorOf(model);
    /** Those that can be read; others are told once. */
    let readable = files;
    await calibrate(model, async () => {
      const read: string[] = [];
      await eachPicture(readable, async ({ file, img }) => {
        await predict(img);
        read.push(file);
      });
      if (read.length === 0) throw new CliError(`${folder}: none of its pictures can be read`);
      readable = read;
    });
    const metadata = Object.fromEntries(opened.metadata);
    const file = await openWeights(await serialize(model, { format: 'safetensors', metadata }));
    return { file, used: readable.length, found: all.length, convolutions };
  } finally {
    model.dispose();
  }
}

/** At most so many of the files, as far from each other as they can be: neighbours often show the same. */
export function spread(files: readonly string[]): string[] {
  const count = Math.min(most, files.length);
  return Array.from({ length: count }, (_, i) => files[Math.floor((i * files.length) / count)]!);
}

/** How a model is called with a picture: a detector, or a classifier as `classify` does it. */
function predictorOf(model: Chain): (img: Image) => Promise<unknown> {
  if ('predict' in model) {
    const detector = model as Chain & { predict(imgs: readonly Image[]): Promise<unknown> };
    return (img) => detector.predict([img]);
  }
  const predictor = new FeaturePredictor(model as never, { cropSize: 224, scaleSize: 256 });
  return (img) => predictor.predict([img]);
}
