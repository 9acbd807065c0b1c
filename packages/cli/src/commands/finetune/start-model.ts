/** The detector that a training begins with. */
import { listNames, MismatchError, type Random, transferParams } from '@chaingrad/core';
import { type BackboneExtractor, type DetectionDataset, type SSD, warmStartHeads } from '@chaingrad/vision';
import {
  hasNamesOf,
  type LoadOptions,
  nameMaps,
  openWeights,
  resolveNames,
  type WeightFile,
} from '@chaingrad/weights';
import { CliError } from '../../errors.ts';
import {
  type Backbone,
  classifierOf,
  classOf,
  type DetectorClass,
  type SSDEntry,
  ssds,
} from '../../models.ts';
import { tell } from '../../progress.ts';
import type { FinetuneSettings } from './settings.ts';

const classHeads = /^\/multibox\/conf\//;

/**
 * Everything from the file, and new heads where the classes differ: these begin from the heads of the classes that answer most on
 * the training images, where the file has any. Of a classifier's file the backbone, where the detector begins from such.
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
  model.nms = settings.nms;
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
  if (source !== null) await takeOver(source, model, train, rng, say);
  else if (entry.backbone !== undefined) await takeBackbone(entry.backbone, file, model, settings, say);
  else {
    const { summary } = await transferParams(file, model, { names: namesOf(settings) });
    say(summary());
  }
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

/**
 * All of a classifier but its last layer; the coarser maps and the heads, which it has not, begin anew.
 * @throws CliError unless the file is one of that classifier.
 */
async function takeBackbone(
  backbone: Backbone,
  file: WeightFile,
  model: SSD,
  settings: FinetuneSettings,
  say: (text: string) => void,
): Promise<void> {
  const seen = hasNamesOf(file, nameMaps[backbone.names]) ? backbone.names : undefined;
  using classifier = await openClassifier(backbone, file, namesOf(settings) ?? seen);
  const { base } = (model as SSD<BackboneExtractor>).extractor;
  const { copied, unusedInSrc } = transferParams(classifier, base);
  const names = settings.names ?? seen ?? 'its own names';
  say(
    `took over ${copied.length} arrays of ${backbone.className} (${names}), all but ${listNames(unusedInSrc)}; coarser maps and heads begin anew`,
  );
}

async function openClassifier(backbone: Backbone, file: WeightFile, names: LoadOptions['names']) {
  const Classifier = await classifierOf(backbone);
  try {
    return await Classifier.fromPretrained(file, { names, arch: 'torchvision' });
  } catch (error) {
    if (!(error instanceof MismatchError)) throw error;
    // What must be the same in a program is another file here.
    throw new CliError(
      `${file.file} is no file of the classifier ${backbone.className}, or its names are others (--names): ${error.report.summary(4)}`,
    );
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
