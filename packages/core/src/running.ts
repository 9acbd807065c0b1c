import type { Link } from './link.ts';

/** The links whose `forward` runs now, the outermost first. Forward passes are synchronous, so one stack is enough. */
const stack: Link[] = [];

/** The links whose `forward` runs now, the outermost first. */
export const runningLinks = (): readonly Link[] => stack;

/** The link whose `forward` runs now; undefined outside of calls. */
export const runningLink = (): Link | undefined => stack.at(-1);

/** Runs `fn` as the forward pass of `link`. */
export function whileRunning<R>(link: Link, fn: () => R): R {
  stack.push(link);
  try {
    return fn();
  } finally {
    stack.pop();
  }
}
