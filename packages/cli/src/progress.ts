/** A progress bar on the terminal; nothing at all where there is none. */
import type { ReadProgress } from '@chaingrad/weights';
import { SingleBar } from 'cli-progress';

export interface Progress {
  /** Begins the next step and says what it is. */
  next(what: string): void;
  /** Says what is being done within the step. */
  say(what: string): void;
  /** Takes the bar off the screen while `print` writes lines of its own. */
  around(print: () => void): void;
  /** Removes the bar. */
  stop(): void;
}

const silent: Progress = { next() {}, say() {}, around: (print) => print(), stop() {} };

/**
 * A bar over `total` steps. It is drawn on `stream` only when that is a terminal, so that logs and pipes stay clean.
 *
 * @param total number of steps.
 * @param stream where to draw; stderr, because stdout belongs to the results.
 */
export function createProgress(total: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return silent;
  const bar = new SingleBar({
    stream,
    format: '{bar} {done}/{total} {what}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    clearOnComplete: true,
    // A model at work blocks the event loop, so the bar must be drawn by the call and not by a timer.
    synchronousUpdate: true,
    fps: 25,
    // With `gracefulExit` the first Ctrl-C would stop the bar and not the program; with the cursor left alone there is nothing to restore.
    gracefulExit: false,
    hideCursor: null,
  });
  let started = 0;
  let what = '';
  const done = () => Math.max(0, started - 1);
  const start = () => bar.start(total, done(), { what, done: done() });
  start();
  const say = (text: string) => {
    what = text;
    bar.update(done(), { what, done: done() });
  };
  return {
    next(text) {
      started++;
      say(text);
    },
    say,
    around(print) {
      bar.stop();
      print();
      start();
    },
    stop: () => bar.stop(),
  };
}

/** Is told what is being done, e.g. how much of a file is here. */
export type Say = (text: string) => void;

/** A listener to a download that says how much is here: at each quarter, or each 25 MB where the whole is not known, as each may be a line. */
export function tell(name: string, say?: Say): (progress: ReadProgress) => void {
  let told = 0;
  return ({ loaded, total }) => {
    const part = Math.floor(total === null ? loaded / 25e6 : (4 * loaded) / total);
    if (part <= told) return;
    told = part;
    say?.(`${name} ${megabytes(loaded)}${total === null ? '' : ` of ${megabytes(total)}`} MB`);
  };
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
