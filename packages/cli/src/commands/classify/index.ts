/** `chaingrad classify`: says what pictures show. */
import { Command, Option } from 'commander';
import { classifierHelp, classifierNames } from '../../classifiers.ts';
import { backendOption, count, namesOption, wideOption } from '../../options.ts';
import type { ClassifyOptions } from './run.ts';

export const classifyCommand = () =>
  new Command('classify')
    .description('say what pictures show: prints the likeliest classes of each')
    .argument(
      '<image...>',
      'pictures (PNG, JPEG, WebP, AVIF, GIF, TIFF), folders of them, patterns, - for names on stdin',
    )
    .addOption(new Option('--model <name>', 'the classifier').choices(classifierNames).default('resnet50'))
    .option('--weights <file|url>', "weights to load instead of ChainerCV's, of any format")
    .addOption(namesOption())
    .addOption(backendOption())
    .addOption(wideOption())
    .option('--labels <file>', 'names of the classes, one a line or a JSON array')
    .option('--top <n>', 'how many classes to print', count, 5)
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `\n${classifierHelp()}\n\nExample:\n  chaingrad classify photo.jpg --model resnet18 --weights resnet18.pth --names torchvision-resnet18`,
    )
    .action(async (images: string[], options: ClassifyOptions) => {
      const { classify } = await import('./run.ts');
      await classify(images, options);
    });
