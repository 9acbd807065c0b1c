import { InvalidArgumentError } from '../errors.ts';
import type { NameFilter } from './transfer.ts';

/**
 * A filter of names as a function.
 * @param where the option, for messages.
 * @throws InvalidArgumentError for what is neither a name, a pattern, a predicate nor a list of them.
 */
export function nameMatcher(filter: NameFilter | undefined, where: string): (name: string) => boolean {
  if (filter === undefined) return () => false;
  if (typeof filter === 'string') return (name) => name === filter;
  // A pattern with the flag g or y remembers where it stopped.
  if (filter instanceof RegExp) return (name) => name.search(filter) >= 0;
  if (typeof filter === 'function') return filter;
  if (!Array.isArray(filter)) {
    throw new InvalidArgumentError(where, 'a name, a RegExp, a function or a list of them', typeof filter);
  }
  const matchers = filter.map((each) => nameMatcher(each, where));
  return (name) => matchers.some((matches) => matches(name));
}
