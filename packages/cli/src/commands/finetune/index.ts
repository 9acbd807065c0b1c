/** `chaingrad finetune`: trains a detector on one's own images. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { backendOption, count, fraction, namesOption, wideOption } from '../../options.ts';
import type { FinetuneOptions } from './run.ts';
import { defaults } from './settings.ts';

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

function whole(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError('Expected a whole number, at least 0.');
  }
  return value;
}

const models = ['ssd-mobilenet-v2-oid', 'ssd300', 'ssd512', 'ssd-resnet18', 'ssd-resnet50'] as const;

// Defaults are in the texts, not in commander: --resume must see what was given.
const option = (flags: string, text: string, name: Exclude<keyof typeof defaults, never>) =>
  new Option(flags, `${text} (default: ${defaults[name]})`);

export const finetuneCommand = () =>
  new Command('finetune')
    .description(
      'fine-tune a detector on a folder of images with boxes: Pascal VOC, COCO, YOLO, LabelMe or CreateML',
    )
    .option('--data <dir>', 'folder with images and labels; their layout is found by looking')
    .option('--images <dir>', 'folder of the images in it, where that cannot be told')
    .requiredOption('--out <dir>', 'folder of the run: best.npz, log, curves, pictures')
    .addOption(option('--labels <file>', "class names, one a line; 'auto' takes those that occur", 'labels'))
    .addOption(option('--model <name>', 'the detector to begin with', 'model').choices(models))
    .addOption(
      option(
        '--from <file>',
        "its parameters: 'pretrained', 'none', or a file of any format; of ssd-resnet18 and ssd-resnet50 a classifier's, torchvision's or timm's",
        'from',
      ),
    )
    .addOption(namesOption())
    .option(
      '--train-split <list>',
      'a list or part of the folder, or a JSON file of COCO (default: trainval, train, else four of five images)',
    )
    .option(
      '--val-split <list>',
      'likewise, to choose the best model by (default: val beside train and test, else each tenth of 200 images or more)',
    )
    .option('--test-split <list>', 'likewise, to test with (default: test, val, else each fifth image)')
    .option('--epochs <n>', 'sweeps over the images (default: 20, with few images more)', count)
    .option('--minutes <n>', 'learn for so many minutes, instead of --epochs or up to them', positive)
    .option('--updates <n>', 'or so many updates, of a batch of images each', count)
    .option(
      '--size <pixels>',
      "side of the network's input: a larger one sees smaller things, and takes longer (default: the model's own, 1.28 times that for things of 20 to 25 pixels)",
      count,
    )
    .option(
      '--tiles <n>',
      'look at n x n overlapping parts of an image beside the whole: for small things (default: as many as the boxes need)',
      count,
    )
    .addOption(option('--batch <n>', 'images an update', 'batch').argParser(count))
    .addOption(option('--lr <x>', 'highest step size of Adam', 'lr').argParser(positive))
    .addOption(option('--extractor-lr <x>', "the extractor's share of it", 'extractorLr').argParser(positive))
    .addOption(
      option(
        '--balance <how>',
        'rare classes count more, by the root of their share, or as all',
        'balance',
      ).choices(['root', 'none']),
    )
    .addOption(
      option(
        '--freeze <what>',
        "'none', 'early' layers, the whole 'extractor', or a pattern of paths",
        'freeze',
      ),
    )
    .addOption(
      option('--augment <how>', 'random changes of the images', 'augment').choices(['ssd', 'mild', 'none']),
    )
    .addOption(option('--flip <axes>', 'mirror images at random', 'flip').choices(['none', 'x', 'xy']))
    .addOption(
      option('--iou-thresh <x>', 'overlap from which a default box learns an object', 'iouThresh').argParser(
        fraction,
      ),
    )
    .addOption(
      option(
        '--nms <how>',
        'scores of overlapping boxes fall, or all but the best are dropped',
        'nms',
      ).choices(['soft', 'hard']),
    )
    .option('--eval-every <n>', 'epochs between two tests (default: some tests in all)', count)
    .option('--strict', 'refuse broken images, boxes and labels instead of leaving them out')
    .addOption(option('--seed <n>', 'of everything random', 'seed').argParser(whole))
    .addOption(
      new Option(
        '--export <format>',
        'write the best model in this format too: best.onnx, from the picture to the boxes',
      ).choices(['onnx']),
    )
    .option('--json', 'print one JSON object with the result instead of text')
    .option('--resume', 'go on with the training in --out')
    .addOption(backendOption())
    .addOption(wideOption())
    .addHelpText(
      'after',
      '\nExample:\n  chaingrad finetune --data data/bccd --out run --minutes 20\n  chaingrad finetune --data data/bccd --out run --model ssd-resnet18 --from resnet18-f37072fd.pth\n  chaingrad detect --weights run/best.npz photo.jpg',
    )
    .action(async (options: FinetuneOptions) => {
      const { finetune } = await import('./run.ts');
      await finetune(options);
    });
