/** `chaingrad transfer`: copies the parameters that fit from a file into a model of another shape. */
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import { modelHelp, models, parseModel } from '../models.ts';

interface TransferCommandOptions {
  readonly from: string;
  readonly to: string;
  readonly out: string;
}

export const transferCommand = () =>
  new Command('transfer')
    .description(
      'begin a fine-tuning: copy every parameter that fits from a file into a new model, tell what did not fit',
    )
    .requiredOption('--from <file.npz>', 'the parameters to copy, a file or an address')
    .requiredOption('--to <model>', 'the new model: name[:arg=value,...], see below')
    .requiredOption('--out <file.npz>', 'the file to write the new model to')
    .addHelpText(
      'after',
      `\n${modelHelp(models, true)}\n\nExample:\n  chaingrad transfer --from ssd300_voc.npz --to ssd300:nFgClass=50 --out start.npz`,
    )
    .action(async ({ from, to, out }: TransferCommandOptions) => {
      const { entry, args } = parseModel(to);
      const [{ saveNpz, transferParams, useBackend }, { readWeights }] = await Promise.all([
        import('@chaingrad/core'),
        import('../weights.ts'),
      ]);
      await useBackend('auto');
      const { arrays } = await readWeights(from);
      if (arrays === null) throw new CliError(`${from}: expected an npz file`);
      const model = (await entry.create(args)).initialize(entry.inputShape);
      const report = transferParams(arrays, model, { onMissing: 'skip' });
      await saveNpz(out, model);
      process.stdout.write(`${report.summary()}\nwrote ${out}\n`);
      model.dispose();
    });
