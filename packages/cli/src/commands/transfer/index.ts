/** `chaingrad transfer`: copies the parameters that fit from a file into a model of another shape. */
import { Command } from 'commander';
import { modelHelp, models } from '../../models.ts';
import { namesOption } from '../../options.ts';
import type { TransferCommandOptions } from './run.ts';

export const transferCommand = () =>
  new Command('transfer')
    .description(
      'begin a fine-tuning: copy every parameter that fits from a file into a new model, tell what did not fit',
    )
    .requiredOption('--from <file>', 'the parameters to copy: a file of any format, or an address')
    .requiredOption('--to <model>', 'the new model: name[:arg=value,...], see below')
    .requiredOption('--out <file>', 'the file to write the new model to: .npz or .safetensors')
    .addOption(namesOption())
    .addHelpText(
      'after',
      `\n${modelHelp(models, true)}\n\nExample:\n  chaingrad transfer --from ssd300_voc.npz --to ssd300:nFgClass=50 --out start.npz`,
    )
    .action(async (options: TransferCommandOptions) => {
      const { transfer } = await import('./run.ts');
      await transfer(options);
    });
