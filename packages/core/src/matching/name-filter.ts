import { InvalidArgumentError } from '../errors.ts';

/** Which names: a full path, a pattern, a predicate, or several of them. */
export type NameFilter = string | RegExp | ((name: string) => boolean) | readonly NameFilter[];

/** A name as a path: with a leading slash, whether it was given with one or not. */
export const withSlash = (name: string): string => (name.startsWith('/') ? name : `/${name}`);

/**
 * A filter of paths as a function. A string may lack the leading slash.
 * @param where the option, for messages.
 * @throws InvalidArgumentError for what is neither a name, a pattern, a predicate nor a list of them.
 */
export function nameMatcher(filter: NameFilter | undefined, where: string): (path: string) => boolean {
  if (filter === undefined) return () => false;
  if (typeof filter === 'string') return (path) => path === withSlash(filter);
  // `test` of a pattern with the flag g or y goes on where it stopped; `search` does not.
  if (filter instanceof RegExp) return (path) => path.search(filter) >= 0;
  if (typeof filter === 'function') return filter;
  if (!Array.isArray(filter)) {
    throw new InvalidArgumentError(where, 'a name, a RegExp, a function or a list of them', typeof filter);
  }
  const matchers = filter.map((each) => nameMatcher(each, where));
  return (path) => matchers.some((matches) => matches(path));
}
