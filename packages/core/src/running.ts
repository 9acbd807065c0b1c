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

/** A link in messages: its class and its path. */
export const linkText = (link: Link): string =>
  link.path === '' ? link.constructor.name : `${link.constructor.name} ${link.path}`;

/** `where`, and in which link that is. */
export function inLink(where: string): string {
  const link = runningLink();
  return link === undefined ? where : `${where} (in ${linkText(link)})`;
}
