/**
 * Every command of `chaingrad`, in the order of the help.
 *
 * A command is a folder beside this file: `index.ts` makes a commander command, whose action imports `run.ts`
 * (`await import(...)`), so that `chaingrad --help` does not load tfjs and the image codecs.
 */
import type { Command } from 'commander';
import { benchCommand } from './bench/index.ts';
import { cacheCommand } from './cache/index.ts';
import { checkCommand } from './check/index.ts';
import { classifyCommand } from './classify/index.ts';
import { convertCommand } from './convert/index.ts';
import { detectCommand } from './detect/index.ts';
import { evaluateCommand } from './evaluate/index.ts';
import { exportCommand } from './export/index.ts';
import { finetuneCommand } from './finetune/index.ts';
import { segmentCommand } from './segment/index.ts';
import { summaryCommand } from './summary/index.ts';
import { transferCommand } from './transfer/index.ts';

export const commands: readonly (() => Command)[] = [
  detectCommand,
  classifyCommand,
  segmentCommand,
  checkCommand,
  finetuneCommand,
  evaluateCommand,
  summaryCommand,
  transferCommand,
  convertCommand,
  exportCommand,
  cacheCommand,
  benchCommand,
];
