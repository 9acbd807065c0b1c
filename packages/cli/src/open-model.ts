/** Any model with its weights, as `export` and `convert` use it. */
import type { Chain } from '@chaingrad/core';
import type { NameMapName } from '@chaingrad/weights';
import { openDetector } from './detector.ts';
import { CliError } from './errors.ts';
import { detectorOfClass, detectors, models, parseModel } from './models.ts';
import { type Say, tell } from './progress.ts';

export interface OpenModelOptions {
  /** Whose weights a file has, where it does not tell. */
  readonly model?: string | undefined;
  /** The map of another framework's names. */
  readonly names?: string | undefined;
}

/**
 * A model by name with its own weights, or of a file.
 * @throws CliError where the file does not tell of which model it is; the errors of the readers.
 */
export async function openModel(
  source: string,
  { model, names }: OpenModelOptions,
  say: Say,
): Promise<Chain> {
  const isName = model === undefined && Object.hasOwn(models, source.split(':')[0]!);
  const weights = isName ? undefined : source;
  const { name, entry, args } = parseModel(isName ? source : (model ?? (await modelOfFile(source))));
  if (Object.hasOwn(detectors, name)) {
    const detector = await openDetector(name as keyof typeof detectors, { weights, names, say });
    detector.model.labelNames = detector.labelNames;
    return detector.model;
  }
  const [{ VGG16 }, { load }] = await Promise.all([
    import('@chaingrad/vision'),
    import('@chaingrad/weights'),
  ]);
  if (weights === undefined) return VGG16.fromPretrained('imagenet', { onProgress: tell(source, say) });
  const made = (await entry.create(args)).initialize(entry.inputShape);
  await load(made, weights, { names: names as NameMapName | undefined });
  return made;
}

/** The model that a file tells that its weights are of. */
async function modelOfFile(path: string): Promise<string> {
  const { openWeights, readAbout } = await import('@chaingrad/weights');
  await using file = await openWeights(path);
  const about = readAbout(file);
  const name = about === null ? null : detectorOfClass(about.model);
  if (name === null) {
    const known = Object.keys(models).join(', ');
    throw new CliError(`${path} does not tell of which model its weights are: pass --model, one of ${known}`);
  }
  return name;
}
