/** How a fine-tuning is done: what the user chose and the defaults. Kept in the run's folder, for `--resume`. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { listNames } from '@chaingrad/core';
import { CliError, oneLine } from '../../errors.ts';
import { type SSDEntry, ssds } from '../../models.ts';

export interface FinetuneSettings {
  readonly data: string;
  /** Folder of the pictures, from `data`, where it cannot be told. */
  readonly images: string | null;
  readonly model: 'ssd-mobilenet-v2-oid' | 'ssd300' | 'ssd512' | 'ssd-resnet18' | 'ssd-resnet50';
  readonly labels: string;
  readonly trainSplit: string | null;
  /** The images that the best model is chosen by. */
  readonly valSplit: string | null;
  readonly testSplit: string | null;
  readonly from: string;
  /** The map of another framework's names, for `from`. */
  readonly names: string | null;
  /** null: as many as there is time for. */
  readonly epochs: number | null;
  /** The training ends after so many minutes, if the epochs are not over before. */
  readonly minutes: number | null;
  /** Or after so many updates. */
  readonly updates: number | null;
  /** Side of the network's input in pixels; null: the model's own, or a larger one, by the sizes of the boxes. */
  readonly size: number | null;
  /** Tiles along a side of an image; null: chosen by the sizes of the boxes. */
  readonly tiles: number | null;
  readonly batch: number;
  readonly lr: number;
  /** The rate of the extractor as a share of the heads'. */
  readonly extractorLr: number;
  /** What rare classes count against frequent ones. */
  readonly balance: 'root' | 'none';
  /** What becomes of overlapping boxes, in tests and in the model's file. */
  readonly nms: 'soft' | 'hard';
  /** 'none', 'early', 'extractor' or a pattern of parameter paths. */
  readonly freeze: string;
  readonly augment: 'ssd' | 'mild' | 'none';
  readonly flip: 'none' | 'x' | 'xy';
  readonly iouThresh: number;
  /** Epochs between two tests; null: some tests in all. */
  readonly evalEvery: number | null;
  readonly strict: boolean;
  readonly seed: number;
  /** The names of the classes in the order of the heads: what was learnt means nothing with others. null: not yet known. */
  readonly classes: readonly string[] | null;
  /** The images of each part, with which a resumed training goes on. null: not yet known. */
  readonly files: Readonly<Record<'train' | 'val' | 'test', readonly string[]>> | null;
}

export const defaults: Omit<FinetuneSettings, 'data'> = {
  images: null,
  model: 'ssd-mobilenet-v2-oid',
  labels: 'auto',
  trainSplit: null,
  valSplit: null,
  testSplit: null,
  from: 'pretrained',
  names: null,
  epochs: null,
  minutes: null,
  updates: null,
  size: null,
  tiles: null,
  batch: 4,
  lr: 0.001,
  extractorLr: 0.3,
  balance: 'root',
  nms: 'soft',
  freeze: 'early',
  augment: 'mild',
  flip: 'x',
  iouThresh: 0.35,
  evalEvery: null,
  strict: false,
  seed: 0,
  classes: null,
  files: null,
};

/** How long it learns may be changed later, and where the images are. */
const changeable: ReadonlySet<string> = new Set(['epochs', 'minutes', 'updates', 'data', 'images']);

const FILE = 'settings.json';

type Chosen = { readonly [K in keyof FinetuneSettings]?: FinetuneSettings[K] | undefined };

/**
 * The settings of a run: of a new one the user's and the defaults, of a resumed one those it began with, where only its length
 * may be changed.
 *
 * @throws CliError when a new run would overwrite an old one or asks for what the model cannot do, when there is none to resume, or
 *   a setting differs from the old one.
 */
export function settingsOf(out: string, resume: boolean, chosen: Chosen): FinetuneSettings {
  const file = join(out, FILE);
  const given = Object.fromEntries(
    Object.entries(chosen).filter(([, value]) => value !== undefined),
  ) as Chosen;
  if (!resume) {
    if (existsSync(file)) {
      throw new CliError(`${out} holds a training already: pass --resume to go on with it, or another --out`);
    }
    if (given.data === undefined) throw new CliError('--data is missing: the folder of the images');
    const settings = placed({ ...defaults, ...given } as FinetuneSettings);
    expectPossible(settings);
    return settings;
  }
  if (!existsSync(file)) throw new CliError(`${out} holds no training to resume: there is no ${FILE}`);
  let old: FinetuneSettings;
  try {
    old = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new CliError(`${file}: ${oneLine(error)}`);
  }
  const now = placed({ ...defaults, ...old, ...given } as FinetuneSettings);
  for (const name of Object.keys(given)) {
    const value = now[name as keyof FinetuneSettings];
    const before = old[name as keyof FinetuneSettings];
    if (changeable.has(name) || value === before) continue;
    throw new CliError(
      `the training in ${out} began with ${name} ${before}; it cannot be resumed with ${value}`,
    );
  }
  return now;
}

/** @throws CliError for what the model cannot do. */
function expectPossible({ model, size, from }: FinetuneSettings): void {
  const { takes, backbone, inputShape }: SSDEntry = ssds[model];
  if (size !== null && !takes.includes('insize'))
    throw new CliError(`${model} sees ${inputShape[1]} x ${inputShape[2]} pixels: leave --size out`);
  if (backbone !== undefined && from === 'pretrained') {
    throw new CliError(
      `${model} has no weights of its own: pass --from with a file of the classifier ${backbone.className} (torchvision's or timm's), or --from none`,
    );
  }
}

/** With whole paths: a resumed training may be started from another folder. */
function placed(settings: FinetuneSettings): FinetuneSettings {
  const { data, labels, from } = settings;
  return {
    ...settings,
    data: resolve(data),
    labels: labels === 'auto' ? labels : resolve(labels),
    from: existsSync(from) ? resolve(from) : from,
  };
}

/**
 * The settings with the names of the classes that the data has.
 * @throws CliError when the training began with others: the heads, which are told apart by their order, would be mixed up.
 */
export function withClasses(
  out: string,
  settings: FinetuneSettings,
  classes: readonly string[],
): FinetuneSettings {
  const before = settings.classes ?? classes;
  if (before.length === classes.length && before.every((name, i) => name === classes[i])) {
    return { ...settings, classes };
  }
  throw new CliError(
    `${join(out, FILE)}: the training began with the classes ${listNames(before)}, and the data has ${listNames(classes)} now; ` +
      'it goes on only with the same names in the same order: undo the change, or begin anew with another --out',
  );
}

export const settingsFile = FILE;
