/** What `chaingrad segment` does, once its options are read. */
import type { Chain } from '@chaingrad/core';
import type { LabelMap, SegmentationLink } from '@chaingrad/vision';
import type { LoadOptions, NameMapName } from '@chaingrad/weights';
import { drawLabels } from '../../draw.ts';
import { eachPicture } from '../../each-picture.ts';
import { CliError } from '../../errors.ts';
import { writeImage } from '../../images.ts';
import { pictures } from '../../inputs.ts';
import { readLabels } from '../../labels.ts';
import { outputNames } from '../../outputs.ts';
import { type Say, tell } from '../../progress.ts';
import { segmenters } from '../../segmenters.ts';
import { type BackendArguments, startBackend } from '../../start-backend.ts';

export interface SegmentOptions extends BackendArguments {
  readonly model: keyof typeof segmenters;
  readonly weights?: string;
  readonly names?: string;
  readonly labels?: string;
  readonly alpha: number;
  readonly out: string;
  readonly json?: boolean;
}

export interface SegmentedImage {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  /** Time of the prediction alone. */
  readonly ms: number;
  /** The classes that occur, the largest first. */
  readonly classes: readonly { readonly label: string; readonly share: number }[];
}

type Segmenter = Chain &
  SegmentationLink & { readonly labelNames: readonly string[] | null; readonly nClass: number };

/** A class of them, as @chaingrad/vision has them. */
interface SegmenterClass {
  fromPretrained(source?: string, options?: LoadOptions): Promise<Segmenter>;
}

/**
 * Gives the pixels of every file a class, prints how many have each and writes the pictures in colours.
 *
 * A file that cannot be read is told on stderr and makes the exit code 1; the others are done all the same.
 *
 * @throws CliError (or an error of the library) when nothing can be done at all: no such backend, weights or output folder.
 */
export async function segment(words: readonly string[], options: SegmentOptions): Promise<void> {
  const { json = false, alpha, model: name } = options;
  const labelNames = options.labels === undefined ? undefined : await readLabels(options.labels);
  const files = await pictures(words);
  const backend = await startBackend(options);
  const outputName = outputNames(options.out, files);
  const images: SegmentedImage[] = [];
  let segmenter: Segmenter | undefined;
  try {
    await eachPicture(files, async ({ file, img, format }, progress) => {
      segmenter ??= await openSegmenter(options, labelNames, progress.say);
      progress.say(file);
      const [height, width] = img.shape;
      const start = performance.now();
      const [label] = await segmenter.predict([img]);
      const ms = round(performance.now() - start, 1);
      const names =
        labelNames ??
        segmenter.labelNames ??
        Array.from({ length: segmenter.nClass }, (_, l) => `class ${l}`);
      const output = outputName(file, format);
      await writeImage(output, drawLabels(img, label!, alpha), format);
      const result = { file, width, height, ms, classes: shares(label!, names) };
      if (json) images.push(result);
      progress.around(() => {
        if (json) process.stderr.write(`wrote ${output}\n`);
        else process.stdout.write(asText(result, output));
      });
    });
  } finally {
    segmenter?.dispose();
  }
  if (json)
    process.stdout.write(`${JSON.stringify({ model: name, backend: backend.name, images }, null, 2)}\n`);
}

async function openSegmenter(
  { model: name, weights, names }: SegmentOptions,
  labelNames: readonly string[] | undefined,
  say: Say,
): Promise<Segmenter> {
  const vision = await import('@chaingrad/vision');
  const entry = segmenters[name];
  const Model = vision[entry.className] as unknown as SegmenterClass;
  const model = await Model.fromPretrained(weights ?? entry.weights, {
    names: names as NameMapName | undefined,
    onProgress: tell(weights ?? name, say),
  });
  if (labelNames === undefined || labelNames.length === model.nClass) return model;
  const { nClass } = model;
  model.dispose();
  throw new CliError(
    `${name} has ${nClass} classes with these weights, but --labels has ${labelNames.length} names`,
  );
}

/** How much of a picture each class has. */
function shares({ data }: LabelMap, names: readonly string[]): SegmentedImage['classes'] {
  const counts = new Map<number, number>();
  for (const label of data) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([label, count]) => ({ label: names[label]!, share: round(count / data.length, 4) }));
}

/** The result of one picture for people: a line about the picture and one a class. */
function asText({ file, width, height, ms, classes }: SegmentedImage, output: string): string {
  const pad = Math.max(...classes.map(({ label }) => label.length));
  const lines = classes.map(({ label, share }) => `  ${label.padEnd(pad)}  ${(100 * share).toFixed(2)} %`);
  return [`${file}  ${width}x${height}  ${ms} ms  -> ${output}`, ...lines, ''].join('\n');
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));
