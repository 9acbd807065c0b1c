/**
 * The models that commands take by name. Adding one is one entry of `models`: how it is made and what it is called with. Where the
 * weights of a detector and the names of its classes come from, its class knows.
 *
 * The models themselves are imported when one is made, so that `--help` and wrong names are answered at once.
 */
import type { Chain, PickableSequentialChain } from '@chaingrad/core';
import type { CenterNet, SSD } from '@chaingrad/vision';
import type { LoadOptions, WeightFile, WeightSource } from '@chaingrad/weights';
import { CliError, UnknownNameError } from './errors.ts';

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

/** A class of detectors, as @chaingrad/vision has them. */
export interface DetectorClass {
  new (args: { nFgClass: number; scoreFunction?: SSD['scoreFunction']; insize?: number }): SSD;
  readonly modelName: string;
  readonly pretrained: Readonly<Record<string, { readonly labelNames?: readonly string[] }>>;
  fromPretrained(
    source?: WeightSource | WeightFile,
    options?: LoadOptions & { nFgClass?: number },
  ): Promise<SSD>;
}

/** A model that finds objects. */
export interface DetectorEntry extends ModelEntry {
  /** The name of its class, which its files bear. */
  readonly className: 'CenterNet' | SSDEntry['className'];
}

/** A detector of a class of its own, which loads its weights and learns. */
export interface SSDEntry extends ModelEntry {
  readonly className:
    | 'SSDMobileNetV2'
    | 'SSD300'
    | 'SSD512'
    | 'SSDMobileNetV1Face'
    | 'SSDResNet18'
    | 'SSDResNet50';
  /** What its class takes beside the number of classes. */
  readonly takes: readonly ('scoreFunction' | 'insize')[];
  /** The classifier whose file it begins from, where it has no weights of its own. */
  readonly backbone?: Backbone;
}

/** A classifier, the maps of which a detector looks at. */
export interface Backbone {
  readonly className: 'ResNet18' | 'ResNet50';
  /** The map of torchvision's and timm's names. */
  readonly names: 'torchvision-resnet18' | 'torchvision-resnet50';
}

/** A class of classifiers, as @chaingrad/vision has them. */
interface ClassifierClass {
  fromPretrained(
    source: WeightFile,
    options: LoadOptions & { arch: 'torchvision' },
  ): Promise<PickableSequentialChain>;
}

const vision = () => import('@chaingrad/vision');

/** The class of a detector. */
export const classOf = async ({ className }: SSDEntry): Promise<DetectorClass> =>
  (await vision())[className] as unknown as DetectorClass;

/** The class of a backbone. */
export const classifierOf = async ({ className }: Backbone): Promise<ClassifierClass> =>
  (await vision())[className] as unknown as ClassifierClass;

/** The name under which commands know the detectors of a class, or null. */
export const detectorOfClass = (className: string): keyof typeof detectors | null =>
  detectorNames.find((name) => detectors[name].className === className) ?? null;

/**
 * CenterNet with the network of a graph-model: its own, or that of a source.
 * @param source a path or an address of `model.json`.
 */
export async function openCenterNet(
  source = 'centernet-mobilenetv3-coco',
  options: Pick<LoadOptions, 'onProgress'> = {},
): Promise<CenterNet> {
  const [{ importTfjs }, { CenterNet }] = await Promise.all([import('@chaingrad/onnx'), vision()]);
  return new CenterNet(await importTfjs(source, { outputs: [...CenterNet.outputs], ...options }));
}

const ssd = (
  className: SSDEntry['className'],
  title: string,
  args: ModelArgs,
  insize: number,
  more: Partial<Pick<SSDEntry, 'takes' | 'backbone'>> = {},
): SSDEntry => ({
  title,
  className,
  args,
  inputShape: [1, insize, insize, 3],
  takes: [],
  ...more,
  create: async ({ nFgClass }) => new (await classOf({ className } as SSDEntry))({ nFgClass: nFgClass! }),
});

/** The detectors that learn. */
export const ssds = {
  'ssd-mobilenet-v2-oid': ssd(
    'SSDMobileNetV2',
    'SSD on MobileNetV2, 23 classes of Open Images; its weights are installed with chaingrad',
    { nFgClass: 23 },
    300,
    { takes: ['scoreFunction', 'insize'] },
  ),
  ssd300: ssd(
    'SSD300',
    'SSD300 on VGG-16; its weights (20 classes of Pascal VOC) are downloaded',
    { nFgClass: 20 },
    300,
  ),
  ssd512: ssd(
    'SSD512',
    'SSD512 on VGG-16; its weights (20 classes of Pascal VOC) are downloaded',
    { nFgClass: 20 },
    512,
  ),
  face: ssd(
    'SSDMobileNetV1Face',
    'faces, SSD on MobileNetV1; its weights are those of the npm package @vladmandic/face-api',
    {},
    512,
  ),
  'ssd-resnet18': ssd(
    'SSDResNet18',
    "SSD on ResNet-18, without weights of its own: it begins from a classifier's (finetune --from resnet18.pth)",
    { nFgClass: 20 },
    300,
    { takes: ['insize'], backbone: { className: 'ResNet18', names: 'torchvision-resnet18' } },
  ),
  'ssd-resnet50': ssd('SSDResNet50', 'SSD on ResNet-50, likewise', { nFgClass: 20 }, 300, {
    takes: ['insize'],
    backbone: { className: 'ResNet50', names: 'torchvision-resnet50' },
  }),
} satisfies Record<string, SSDEntry>;

/** What finds objects, the default first. */
export const detectors = {
  'centernet-mobilenetv3-coco': {
    title: 'CenterNet on MobileNetV3, 80 classes of COCO; its weights are installed with chaingrad',
    className: 'CenterNet',
    args: {},
    inputShape: [1, 512, 512, 3],
    create: () => openCenterNet(),
  },
  ...ssds,
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
    return `  ${name.padEnd(28)}${title}${withArgs && defaults.length > 0 ? ` (${defaults.join(', ')})` : ''}`;
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
