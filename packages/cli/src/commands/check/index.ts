/** `chaingrad check`: what is in a folder of labelled images. */
import { Command, Option } from 'commander';
import { count } from '../../options.ts';
import type { CheckOptions } from './run.ts';

export const checkCommand = () =>
  new Command('check')
    .description('look at a folder of labelled images: layout, classes, sizes, duplicates, what is wrong')
    .argument('<dir>', 'folder with images and labels')
    .option('--images <dir>', 'folder of the images in it, where that cannot be told')
    .addOption(
      new Option('--size <pixels>', "side of the network's input, by which boxes are measured")
        .argParser(count)
        .default(300),
    )
    .option('--out <file>', 'PNG with labelled images to look at', 'chaingrad-out/check.png')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText('after', '\nExample:\n  chaingrad check data/bccd')
    .action(async (dir: string, options: CheckOptions) => {
      const { check } = await import('./run.ts');
      await check(dir, options);
    });
