/**
 * The models that commands take by name. Adding one is one entry of `models`: how it is made, what it is called with, and for a
 * detector where its weights and the names of its classes come from.
 *
 * The models themselves are imported when one is made, so that `--help` and wrong names are answered at once.
 */
import type { Chain } from '@chaingrad/core';
import type { SSD } from '@chaingrad/vision';
import { CliError, UnknownNameError } from './errors.ts';
import { packagedFile } from './packaged-file.ts';
import type { Say, Weights } from './weights.ts';

/** Arguments of a model, all of them whole numbers: `nFgClass=50`. */
export type ModelArgs = Readonly<Record<string, number>>;

/** A model by name. */
export interface ModelEntry {
  /** One line for the help. */
  readonly title: string;
  /** The arguments that `create` takes, with their defaults. */
  readonly args: ModelArgs;
  /** Shape of its input: (batch, height, width, channels). */
  readonly inputShape: readonly [number, number, number, number];
  /** A new model with random parameters; shapes may still be open. `args` are complete. */
  create(args: ModelArgs): Promise<Chain>;
}

/** A detector whose parameters are trained, and the names of the classes that it knows. */
export interface Trained {
  readonly model: SSD;
  readonly labelNames: readonly string[];
}

/** A model that finds objects. */
export interface DetectorEntry extends ModelEntry {
  /** @param scoreFunction how new heads are meant; models of one kind have theirs in any case. */
  create(args: ModelArgs, scoreFunction?: SSD['scoreFunction']): Promise<SSD>;
  /** The model with its own weights, or with a file in their format. */
  pretrained(weights?: Weights, say?: Say): Promise<Trained>;
  /** Names of the classes of its own weights. */
  labelNames(): Promise<readonly string[]>;
}

const vision = () => import('@chaingrad/vision');

/** ChainerCV's weights for the 20 classes of Pascal VOC, from Chainer's cache or its server. */
async function voc(name: 'SSD300' | 'SSD512', weights?: Weights, say?: Say): Promise<Trained> {
  if (weights !== undefined) {
    throw new CliError(`${weights.name}: expected an npz file with the weights of ${name}`);
  }
  const [{ [name]: Model, vocBboxLabelNames }, zoo, { tell }] = await Promise.all([
    vision(),
    import('@chaingrad/weights'),
    import('./weights.ts'),
  ]);
  const { file } = zoo.pretrainedModels[name].voc0712;
  const model = await Model.fromPretrained('voc0712', { onProgress: tell(file, say) });
  return { model, labelNames: vocBboxLabelNames };
}

/** The first stage of MediaPipe Objectron; the package also holds its other stages. */
async function openImages(weights?: Weights): Promise<Trained> {
  const { SSDMobileNetV2 } = await vision();
  const file = packagedFile(
    '@mediapipe/objectron',
    '0.4.1675468480',
    'objectron_solution_packed_assets.data',
  );
  const model = await SSDMobileNetV2.fromPretrained(weights ? new File([weights.bytes], weights.name) : file);
  return { model, labelNames: model.labelNames! };
}

async function faces(weights?: Weights): Promise<Trained> {
  const { SSDMobileNetV1Face } = await vision();
  const manifest = 'model/ssd_mobilenetv1_model-weights_manifest.json';
  // By name: the manifest says which files lie beside it.
  const model = await SSDMobileNetV1Face.fromPretrained(
    weights?.name ?? packagedFile('@vladmandic/face-api', '1.7.15', manifest),
  );
  return { model, labelNames: model.labelNames };
}

export const detectors = {
  'ssd-mobilenet-v2-oid': {
    title: 'SSD on MobileNetV2, 23 classes of Open Images; its weights are installed with chaingrad',
    args: { nFgClass: 23 },
    inputShape: [1, 300, 300, 3],
    create: async ({ nFgClass }: ModelArgs, scoreFunction?: SSD['scoreFunction']) =>
      new (await vision()).SSDMobileNetV2({ nFgClass: nFgClass!, scoreFunction }),
    pretrained: openImages,
    labelNames: async () => {
      const { model, labelNames } = await openImages();
      model.dispose();
      return labelNames;
    },
  },
  ssd300: {
    title: 'SSD300 on VGG-16; its weights (20 classes of Pascal VOC) are downloaded',
    args: { nFgClass: 20 },
    inputShape: [1, 300, 300, 3],
    create: async ({ nFgClass }) => new (await vision()).SSD300({ nFgClass: nFgClass! }),
    pretrained: (...from) => voc('SSD300', ...from),
    labelNames: async () => (await vision()).vocBboxLabelNames,
  },
  ssd512: {
    title: 'SSD512 on VGG-16; its weights (20 classes of Pascal VOC) are downloaded',
    args: { nFgClass: 20 },
    inputShape: [1, 512, 512, 3],
    create: async ({ nFgClass }) => new (await vision()).SSD512({ nFgClass: nFgClass! }),
    pretrained: (...from) => voc('SSD512', ...from),
    labelNames: async () => (await vision()).vocBboxLabelNames,
  },
  face: {
    title: 'faces, SSD on MobileNetV1; its weights are those of the npm package @vladmandic/face-api',
    args: {},
    inputShape: [1, 512, 512, 3],
    create: async () => new (await vision()).SSDMobileNetV1Face(),
    pretrained: faces,
    labelNames: async () => ['face'],
  },
} satisfies Record<string, DetectorEntry>;

export const models = {
  ...detectors,
  vgg16: {
    title: 'the classifier VGG-16, 1000 classes of ImageNet',
    args: { nClass: 1000 },
    inputShape: [1, 224, 224, 3],
    create: async ({ nClass }) => new (await vision()).VGG16({ nClass: nClass! }),
  },
} satisfies Record<string, ModelEntry>;

export const detectorNames = Object.keys(detectors) as readonly (keyof typeof detectors)[];

/** The models of a table for the help of a command: a line each, with the arguments and their defaults where these can be given. */
export function modelHelp(table: Readonly<Record<string, ModelEntry>>, withArgs = false): string {
  const lines = Object.entries(table).map(([name, { title, args }]) => {
    const defaults = Object.entries(args).map(([key, value]) => `${key}=${value}`);
    return `  ${name.padEnd(22)}${title}${withArgs && defaults.length > 0 ? ` (${defaults.join(', ')})` : ''}`;
  });
  return ['Models:', ...lines].join('\n');
}

/**
 * Reads `name[:arg=value,...]`, e.g. `ssd300:nFgClass=50`.
 *
 * @throws UnknownNameError for a name or an argument that does not exist, with those that do.
 * @throws CliError for a value that is not a whole number of at least 1.
 */
export function parseModel(text: string): { name: string; entry: ModelEntry; args: ModelArgs } {
  const [name = '', rest = ''] = text.split(/:(.*)/s);
  if (!Object.hasOwn(models, name)) throw new UnknownNameError('model', name, Object.keys(models));
  const entry: ModelEntry = models[name as keyof typeof models];
  const args: Record<string, number> = { ...entry.args };
  for (const pair of rest.split(',').filter((part) => part !== '')) {
    const [key = '', value = ''] = pair.split(/=(.*)/s);
    if (!Object.hasOwn(entry.args, key)) {
      throw new UnknownNameError(`argument of ${name}`, key, Object.keys(entry.args));
    }
    const number = Number(value);
    if (!Number.isSafeInteger(number) || number < 1) {
      throw new CliError(`${name}: ${key} must be a whole number of at least 1, got '${value}'`);
    }
    args[key] = number;
  }
  return { name, entry, args };
}
