/** `chaingrad evaluate`: measures a detector on images with boxes. */
import { Command, Option } from 'commander';
import { detectorNames, detectors, modelHelp } from '../../models.ts';
import { backendOption, namesOption, wideOption } from '../../options.ts';
import type { EvaluateOptions } from './run.ts';

export const evaluateCommand = () =>
  new Command('evaluate')
    .description('measure the average precision of a detector on a folder of images with boxes')
    .requiredOption('--data <dir>', 'folder with images and labels; their layout is found by looking')
    .option('--images <dir>', 'folder of the images in it, where that cannot be told')
    .option('--weights <file|url>', "weights to load instead of the model's own, e.g. best.npz of finetune")
    .addOption(
      new Option(
        '--model <name>',
        `the detector (default: ${detectorNames[0]}; with --weights the one that the file tells)`,
      ).choices(detectorNames),
    )
    .option(
      '--split <list>',
      'a list or part of the folder, or a JSON file of COCO (default: test, val, else each fifth image)',
    )
    .option('--labels <file>', 'names of the classes, one a line or a JSON array')
    .option('--strict', 'refuse broken images, boxes and labels instead of leaving them out')
    .option('--json', 'print one JSON object instead of text')
    .addOption(namesOption())
    .addOption(backendOption())
    .addOption(wideOption())
    .addHelpText(
      'after',
      `\n${modelHelp(detectors)}\n\nExample:\n  chaingrad evaluate --data data/bccd --weights run/best.npz`,
    )
    .action(async (options: EvaluateOptions) => {
      const { evaluate } = await import('./run.ts');
      await evaluate(options);
    });
