/**
 * Every command of `chaingrad`, in the order of the help.
 *
 * A command is one file beside this one: a function that makes a commander command. Its action imports what it works with
 * (`await import(...)`), so that `chaingrad --help` does not load tfjs and the image codecs.
 */
import type { Command } from 'commander';
import { benchCommand } from './bench.ts';
import { cacheCommand } from './cache.ts';
import { convertCommand } from './convert.ts';
import { detectCommand } from './detect.ts';
import { evaluateCommand } from './evaluate.ts';
import { finetuneCommand } from './finetune.ts';
import { summaryCommand } from './summary.ts';
import { transferCommand } from './transfer.ts';

export const commands: readonly (() => Command)[] = [
  detectCommand,
  finetuneCommand,
  evaluateCommand,
  summaryCommand,
  transferCommand,
  convertCommand,
  cacheCommand,
  benchCommand,
];
