/** `chaingrad detect`: finds objects in pictures. */
import { Command, Option } from 'commander';
import { detectorNames, detectors, modelHelp } from '../../models.ts';
import { backendOption, count, fraction, namesOption, wideOption } from '../../options.ts';
import type { DetectOptions } from './run.ts';

export const detectCommand = () =>
  new Command('detect')
    .description('find objects in pictures: prints label, score and box of each, and draws them')
    .argument(
      '<image...>',
      'pictures (PNG, JPEG, WebP, AVIF, GIF, TIFF), folders of them, patterns, - for names on stdin',
    )
    .addOption(
      new Option(
        '--model <name>',
        `the detector (default: ${detectorNames[0]}; with --weights the one that the file tells)`,
      ).choices(detectorNames),
    )
    .option('--weights <file|url>', "weights to load instead of the model's own, of any format")
    .addOption(namesOption())
    .addOption(backendOption())
    .addOption(wideOption())
    .option('--score-thresh <x>', 'leave out objects with a lower score, 0 to 1', fraction)
    .option(
      '--nms-thresh <x>',
      "of two objects that overlap more than this, keep the better one, 0 to 1 (default: the weights' own way)",
      fraction,
    )
    .option('--n-fg-class <n>', 'number of classes of the weights, without background', count)
    .option('--labels <file>', 'names of the classes, one a line or a JSON array')
    .option(
      '--tiles <n>',
      "look at n x n overlapping parts beside the whole picture: for small things (default: the weights' own)",
      count,
    )
    .option(
      '--out <dir>',
      'folder for the pictures with boxes drawn (default: chaingrad-out, none with --jsonl)',
    )
    .option('--json', 'print one JSON object instead of text')
    .option('--jsonl <file>', 'append a JSON line a picture to a file, and skip those that are in it already')
    .option('--shard <i/n>', 'only part i of n of the pictures: 3/16')
    .addHelpText(
      'after',
      `\n${modelHelp(detectors)}\n\nExample:\n  chaingrad detect photo.jpg --score-thresh 0.4 --out found`,
    )
    .action(async (images: string[], options: DetectOptions) => {
      const { detect } = await import('./run.ts');
      await detect(images, options);
    });
