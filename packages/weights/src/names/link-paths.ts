/** Paths of a model's links by the names that another framework gives them. */
import { InvalidArgumentError, Link, type Serializable } from '@chaingrad/core';

/**
 * The model of a link or an optimizer.
 * @throws InvalidArgumentError where no links are known.
 */
export function linkOf(target: Serializable, map: string): Link {
  if (target instanceof Link) return target;
  if ('target' in target && target.target instanceof Link) return target.target;
  throw new InvalidArgumentError(`names '${map}'`, 'a link or an optimizer that is set up', 'something else');
}

/**
 * Of each link's path theirs.
 * @param childNames their names of a link's children, in order; null where they are ours.
 */
export function linkPaths(
  root: Link,
  childNames: (link: Link) => readonly string[] | null,
): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  const collect = (link: Link, path: string, theirs: string): void => {
    const names = childNames(link);
    let index = 0;
    for (const child of link.children()) {
      const name = child.name!;
      const their = names === null ? name : names[index++]!;
      paths.set(path + name, theirs + their);
      collect(child, `${path}${name}/`, `${theirs}${their}/`);
    }
  };
  collect(root, '', '');
  return paths;
}

/** The longest beginning of a key that is a link, and what follows: names of parameters and states. */
export function splitKey(
  paths: ReadonlyMap<string, string>,
  key: string,
): readonly [path: string, rest: string] {
  for (let at = key.lastIndexOf('/'); at > 0; at = key.lastIndexOf('/', at - 1)) {
    const path = key.slice(0, at);
    if (paths.has(path)) return [path, key.slice(at + 1)];
  }
  return ['', key];
}
