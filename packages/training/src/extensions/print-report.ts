import { checkOptions, InvalidArgumentError } from '@chaingrad/core';
import type { Extension } from '../extension.ts';
import { formatG } from '../format.ts';
import type { Trainer } from '../trainer.ts';
import { AskedKeys } from './asked-keys.ts';
import { type LogEntry, LogReport } from './log-report.ts';

export interface PrintReportOptions {
  /** Whose entries are printed: a LogReport, or the name of one in the trainer. Default 'LogReport'. */
  readonly logReport?: string | LogReport;
  /** Takes a line. Default standard output. */
  readonly out?: (line: string) => void;
}

const minWidth = 10;
/** Takes what a progress bar has drawn below the cursor off the screen. */
const clearBelow = '\x1b[J';

function printLine(line: string): void {
  const terminal = typeof process !== 'undefined' && process.stdout?.isTTY === true;
  console.log(terminal ? clearBelow + line : line);
}

/**
 * Prints the entries of a LogReport as a table (Chainer's `PrintReport`). A value that an entry lacks leaves its column blank; a
 * misspelt name is warned of, with the nearest one there is, as is one that no entry has had.
 * After a resume the entries before are printed again.
 */
export class PrintReport implements Extension {
  readonly defaultName = 'PrintReport';
  #columns: readonly string[] | null;
  readonly #logReport: string | LogReport;
  readonly #out: (line: string) => void;
  #printed = 0;
  #asked: AskedKeys | null = null;
  #source: LogReport | null = null;

  /** @param entries the columns. Default: what the first entry has. @throws UnknownOptionError */
  constructor(entries: readonly string[] | null = null, options: PrintReportOptions = {}) {
    const { logReport = 'LogReport', out = printLine } = checkOptions('PrintReport', options, {
      logReport: 'any',
      out: 'function',
    });
    this.#columns = entries;
    this.#logReport = logReport;
    this.#out = out;
  }

  /** @throws UnknownNameError, InvalidArgumentError when there is no such LogReport. */
  initialize(trainer: Trainer): void {
    const source =
      typeof this.#logReport === 'string' ? trainer.getExtension(this.#logReport) : this.#logReport;
    if (!(source instanceof LogReport)) {
      throw new InvalidArgumentError('PrintReport logReport', 'a LogReport', this.#logReport);
    }
    this.#source = source;
  }

  call(): void {
    const log = this.#source?.log ?? [];
    for (; this.#printed < log.length; this.#printed++) {
      const entry = log[this.#printed]!;
      this.#columns ??= Object.keys(entry);
      this.#asked ??= new AskedKeys('PrintReport', this.#columns);
      this.#asked.see(Object.keys(entry));
      if (this.#printed === 0) this.#out(row(this.#columns, (name) => name));
      this.#out(row(this.#columns, (name) => valueText(entry, name)));
    }
  }

  /** The last entry, where the LogReport comes after this extension. */
  finalize(): void {
    this.call();
    this.#asked?.finish();
  }
}

const row = (columns: readonly string[], text: (name: string) => string): string =>
  columns
    .map((name) => text(name).padEnd(Math.max(minWidth, name.length)))
    .join('  ')
    .trimEnd();

/** As Chainer, six digits; whole numbers in full, where it would write 1.23457e+06 for an iteration. */
function valueText(entry: LogEntry, name: string): string {
  const value = entry[name];
  if (value === undefined) return '';
  return Number.isSafeInteger(value) ? String(value) : formatG(value);
}
