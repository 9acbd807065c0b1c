/** `chaingrad bench`: how fast a model is here. */
import { Command } from 'commander';
import { modelHelp, models } from '../../models.ts';
import { backendOption, count, wideOption } from '../../options.ts';
import type { BenchOptions } from './run.ts';

export const benchCommand = () =>
  new Command('bench')
    .description('measure a model on this machine: start, forward pass, training step, memory')
    .argument('<model>', 'name[:arg=value,...], see below')
    .option('--threads <n>', 'threads to compute with, wasm only (default: as chaingrad chooses)', count)
    .addOption(backendOption())
    .addOption(wideOption())
    .option('--batch <n>', 'images of a batch', count, 1)
    .option('--runs <n>', 'runs of which the median is taken, after a first one', count, 10)
    .option('--train', 'measure a training step too')
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `\n${modelHelp(models, true)}\n\nExample:\n  chaingrad bench ssd300 --threads 2 --train`,
    )
    .action(async (model: string, options: BenchOptions) => {
      const { bench } = await import('./run.ts');
      await bench(model, options);
    });
