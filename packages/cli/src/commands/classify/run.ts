/** What `chaingrad classify` does, once its options are read. */
import type { PickableSequentialChain } from '@chaingrad/core';
import type { FeatureArray, Image } from '@chaingrad/vision';
import type { LoadOptions, NameMapName } from '@chaingrad/weights';
import { classifiers, withoutWeights } from '../../classifiers.ts';
import { eachPicture } from '../../each-picture.ts';
import { CliError } from '../../errors.ts';
import { pictures } from '../../inputs.ts';
import { readLabels } from '../../labels.ts';
import { type Say, tell } from '../../progress.ts';
import { type BackendArguments, startBackend } from '../../start-backend.ts';

export interface ClassifyOptions extends BackendArguments {
  readonly model: keyof typeof classifiers;
  readonly weights?: string;
  readonly names?: string;
  readonly labels?: string;
  readonly top: number;
  readonly json?: boolean;
}

export interface ClassifiedImage {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  /** Time of the prediction alone. */
  readonly ms: number;
  /** The likeliest first. */
  readonly classes: readonly { readonly label: string; readonly probability: number }[];
}

/** No file of weights has the names of ImageNet's classes. */
const WITHOUT_NAMES =
  'the weights do not tell the names of their classes, which are numbered: pass --labels FILE with one name a line';

interface Classifier {
  readonly model: PickableSequentialChain;
  probabilities(img: Image): Promise<Float32Array>;
}

/**
 * Says of every file what it shows.
 *
 * A file that cannot be read is told on stderr and makes the exit code 1; the others are done all the same.
 *
 * @throws CliError (or an error of the library) when nothing can be done at all: no such backend or weights.
 */
export async function classify(words: readonly string[], options: ClassifyOptions): Promise<void> {
  const { json = false, top, model: name } = options;
  const labelNames = options.labels === undefined ? undefined : await readLabels(options.labels);
  const files = await pictures(words);
  const backend = await startBackend(options);
  const images: ClassifiedImage[] = [];
  let classifier: Classifier | undefined;
  let told = false;
  try {
    await eachPicture(files, async ({ file, img }, progress) => {
      classifier ??= await openClassifier(options, progress.say);
      progress.say(file);
      const [height, width] = img.shape;
      const start = performance.now();
      const probabilities = await classifier.probabilities(img);
      const ms = round(performance.now() - start, 1);
      if (labelNames !== undefined && labelNames.length !== probabilities.length) {
        throw new CliError(
          `${name} has ${probabilities.length} classes with these weights, but --labels has ${labelNames.length} names`,
        );
      }
      const classes = Array.from(probabilities, (_, label) => label)
        .sort((a, b) => probabilities[b]! - probabilities[a]!)
        .slice(0, top)
        .map((label) => ({
          label: labelNames?.[label] ?? `class ${label}`,
          probability: round(probabilities[label]!, 5),
        }));
      if (labelNames === undefined && !told) {
        progress.around(() => process.stderr.write(`note: ${WITHOUT_NAMES}\n`));
        told = true;
      }
      const result = { file, width, height, ms, classes };
      if (json) images.push(result);
      else progress.around(() => process.stdout.write(asText(result)));
    });
  } finally {
    classifier?.model.dispose();
  }
  if (json)
    process.stdout.write(`${JSON.stringify({ model: name, backend: backend.name, images }, null, 2)}\n`);
}

/** A class of classifiers, as @chaingrad/vision has them. */
interface ClassifierClass {
  fromPretrained(source?: string, options?: LoadOptions): Promise<PickableSequentialChain>;
}

async function openClassifier(
  { model: name, weights, names }: ClassifyOptions,
  say: Say,
): Promise<Classifier> {
  if (weights === undefined && withoutWeights.includes(name))
    throw new CliError(`${name} has no weights of its own: pass --weights FILE`);
  const vision = await import('@chaingrad/vision');
  const Model = vision[classifiers[name]] as unknown as ClassifierClass;
  const model = await Model.fromPretrained(weights, {
    names: names as NameMapName | undefined,
    onProgress: tell(weights ?? name, say),
  });
  const predictor = new vision.FeaturePredictor(model as never, { cropSize: 224, scaleSize: 256 });
  return { model, probabilities: async (img) => ((await predictor.predict([img])) as FeatureArray).data };
}

/** The result of one picture for people: a line about the picture and one a class. */
function asText({ file, width, height, ms, classes }: ClassifiedImage): string {
  const pad = Math.max(...classes.map(({ label }) => label.length));
  const lines = classes.map(({ label, probability }) => `  ${label.padEnd(pad)}  ${probability.toFixed(3)}`);
  return [`${file}  ${width}x${height}  ${ms} ms`, ...lines, ''].join('\n');
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));
