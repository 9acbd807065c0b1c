/** `chaingrad segment`: gives every pixel of pictures a class. */
import { Command, Option } from 'commander';
import { backendOption, fraction, namesOption, wideOption } from '../../options.ts';
import { segmenterHelp, segmenterNames } from '../../segmenters.ts';
import type { SegmentOptions } from './run.ts';

export const segmentCommand = () =>
  new Command('segment')
    .description(
      'give every pixel of pictures a class: prints the share of each class, and colours the pictures',
    )
    .argument(
      '<image...>',
      'pictures (PNG, JPEG, WebP, AVIF, GIF, TIFF), folders of them, patterns, - for names on stdin',
    )
    .addOption(new Option('--model <name>', 'the network').choices(segmenterNames).default('deeplab-voc'))
    .option('--weights <file|url>', "weights to load instead of ChainerCV's, of any format")
    .addOption(namesOption())
    .addOption(backendOption())
    .addOption(wideOption())
    .option('--labels <file>', 'names of the classes, one a line or a JSON array')
    .option('--alpha <x>', 'the share of the colours in the pictures, 0 to 1', fraction, 0.6)
    .option('--out <dir>', 'folder for the coloured pictures', 'chaingrad-out')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `\n${segmenterHelp()}\n\nExample:\n  chaingrad segment street.jpg --model deeplab-cityscapes`,
    )
    .action(async (images: string[], options: SegmentOptions) => {
      const { segment } = await import('./run.ts');
      await segment(images, options);
    });
