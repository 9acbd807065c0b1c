/** The detector that a training begins with. */
import { type Random, transferParams } from '@chaingrad/core';
import { type DetectionDataset, type SSD, warmStartHeads } from '@chaingrad/vision';
import { openWeights, resolveNames, type WeightFile } from '@chaingrad/weights';
import { classOf, type DetectorClass, type SSDEntry, ssds } from '../../models.ts';
import { tell } from '../../progress.ts';
import type { FinetuneSettings } from './settings.ts';

const classHeads = /^\/multibox\/conf\//;

/**
 * Everything from the file, and new heads where the classes differ: these begin from the heads of the classes that answer most on
 * the training images, where the file has any.
 */
export async function startModel(
  settings: FinetuneSettings,
  train: DetectionDataset,
  rng: Random,
  say: (text: string) => void,
): Promise<SSD> {
  const { labelNames } = train;
  const entry: SSDEntry = ssds[settings.model];
  const Model = await classOf(entry);
  // New heads learn by softmax, against the background: what ChainerCV's loss is made for.
  const model = new Model({
    nFgClass: labelNames.length,
    ...(entry.takes.includes('scoreFunction') ? { scoreFunction: 'softmax' as const } : {}),
    ...(settings.size === null ? {} : { insize: settings.size }),
  });
  model.tiles = settings.tiles ?? 1;
  model.initialize([1, model.insize, model.insize, 3]);
  model.labelNames = labelNames;
  if (settings.from === 'none') return model;
  if (settings.from === 'pretrained') {
    using source = await Model.fromPretrained(undefined, { onProgress: tell(entry.className, say) });
    await takeOver(source, model, train, rng, say);
    return model;
  }
  await using file = await openWeights(settings.from, { onProgress: tell(settings.from, say) });
  using source = await openSource(Model, file, settings);
  if (source === null) {
    const { summary } = await transferParams(file, model, { names: namesOf(settings) });
    say(summary());
  } else await takeOver(source, model, train, rng, say);
  return model;
}

const namesOf = ({ names }: FinetuneSettings) => resolveNames((names ?? undefined) as never);

/** The whole detector of a file; null where the file has parts of one only, e.g. an extractor. */
async function openSource(
  Model: DetectorClass,
  file: WeightFile,
  { names }: FinetuneSettings,
): Promise<SSD | null> {
  try {
    return await Model.fromPretrained(file, { match: 'exact', names: (names ?? undefined) as never });
  } catch {
    // What is wrong with the file itself, reading the parts tells too.
    return null;
  }
}

async function takeOver(
  source: SSD,
  model: SSD,
  train: DetectionDataset,
  rng: Random,
  say: (text: string) => void,
): Promise<void> {
  const goesOn =
    source.scoreFunction === model.scoreFunction &&
    JSON.stringify(source.labelNames) === JSON.stringify(model.labelNames);
  const { copied, mismatched } = transferParams(source, model, goesOn ? {} : { ignore: classHeads });
  const values = copied.length === 1 ? '1 parameter array' : `${copied.length} parameter arrays`;
  say(
    `took over ${values}${mismatched.length === 0 ? '' : `; of another shape: ${mismatched.map(({ name }) => name).join(', ')}`}`,
  );
  if (goesOn) return;
  const starts = await warmStartHeads(source, model, train, { rng });
  if (starts === null) {
    say('the class heads begin anew');
    return;
  }
  const name = (l: number) => source.labelNames?.[l] ?? `class ${l}`;
  const told = starts.map(({ label, from }) =>
    from === null
      ? `${train.labelNames[label]} begins anew`
      : `${train.labelNames[label]} begins from ${name(from)}`,
  );
  say(told.join(', '));
}
