/** What `chaingrad summary` does. */
import { useBackend } from '@chaingrad/core';
import { parseModel } from '../../models.ts';

/** Prints the table of a model's links. @throws CliError for a model that does not exist. */
export async function summary(text: string): Promise<void> {
  const { entry, args } = parseModel(text);
  await useBackend('cpu');
  const model = await entry.create(args);
  process.stdout.write(`${model.summary(entry.inputShape)}\n`);
  model.dispose();
}
