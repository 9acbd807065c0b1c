/** `chaingrad transfer`: copies the parameters that fit from a file into a model of another shape. */
import { dirname } from 'node:path';
import { Command } from 'commander';
import { CliError } from '../errors.ts';
import { modelHelp, models, parseModel } from '../models.ts';
import { makeFolder } from '../outputs.ts';

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
      const { transferParams, useBackend } = await import('@chaingrad/core');
      const { saveNpz } = await import('@chaingrad/weights');
      const { readWeights } = await import('../weights.ts');
      await useBackend('auto');
      const { arrays } = await readWeights(from);
      if (arrays === null) throw new CliError(`${from}: expected an npz file`);
      const model = (await entry.create(args)).initialize(entry.inputShape);
      const report = transferParams(arrays, model, { onMissing: 'skip', allowNone: true });
      if (report.copied.length === 0) {
        const { mismatched, unusedInSrc, missingInSrc } = report;
        throw new CliError(
          `nothing in ${from} fits ${to}: ${mismatched.length} parameters have other shapes, ` +
            `${namesIn('the file', unusedInSrc)}, ${namesIn('the model', missingInSrc)}`,
        );
      }
      makeFolder(dirname(out));
      await saveNpz(out, model);
      process.stdout.write(`${report.summary()}\nwrote ${out}\n`);
      model.dispose();
    });

const namesIn = (place: string, names: readonly string[]) =>
  `${names.length} names are in ${place} only${names.length === 0 ? '' : ` (${names[0]}, ...)`}`;
