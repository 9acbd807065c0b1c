/** What `chaingrad transfer` does. */
import { dirname } from 'node:path';
import { NothingToDoError, transferParams, useBackend } from '@chaingrad/core';
import { openWeights, resolveNames, save } from '@chaingrad/weights';
import { CliError } from '../../errors.ts';
import { parseModel } from '../../models.ts';
import { makeFolder } from '../../outputs.ts';

export interface TransferCommandOptions {
  readonly from: string;
  readonly to: string;
  readonly out: string;
  readonly names?: string;
}

/** Copies the parameters that fit from a file into a new model, and saves it. @throws CliError when none does. */
export async function transfer({ from, to, out, names }: TransferCommandOptions): Promise<void> {
  const { entry, args } = parseModel(to);
  const map = resolveNames(names as never);
  await useBackend('auto');
  await using file = await openWeights(from);
  using model = (await entry.create(args)).initialize(entry.inputShape);
  try {
    const report = await transferParams(file, model, { names: map });
    makeFolder(dirname(out));
    await save(out, model);
    process.stdout.write(`${report.summary()}\nwrote ${out}\n`);
  } catch (error) {
    if (!(error instanceof NothingToDoError) || error.report === undefined) throw error;
    const { mismatched, unusedInSrc, missingInSrc } = error.report;
    throw new CliError(
      `nothing in ${from} fits ${to}: ${mismatched.length} parameters have other shapes, ` +
        `${namesIn('the file', unusedInSrc)}, ${namesIn('the model', missingInSrc)}`,
    );
  }
}

const namesIn = (place: string, names: readonly string[]) =>
  `${names.length} names are in ${place} only${names.length === 0 ? '' : ` (${names[0]}, ...)`}`;
