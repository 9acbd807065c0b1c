/** `chaingrad summary`: the table of a model's links and parameters. */
import { Command } from 'commander';
import { modelHelp, models } from '../../models.ts';

export const summaryCommand = () =>
  new Command('summary')
    .description('print the table of a model: links, parameters, shapes and the work of one forward pass')
    .argument('<model>', 'name[:arg=value,...], see below')
    .addHelpText('after', `\n${modelHelp(models, true)}\n\nExample:\n  chaingrad summary ssd300:nFgClass=50`)
    .action(async (text: string) => {
      const { summary } = await import('./run.ts');
      await summary(text);
    });
