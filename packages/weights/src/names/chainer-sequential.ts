/** The keys that Chainer gives the children of a Sequential. */
import { InvalidArgumentError, Link, type NameMap, Sequential, type Serializable } from '@chaingrad/core';

/**
 * The names of files that Chainer wrote, or shall read, in which a Sequential has three links or more.
 *
 * Chainer's `Sequential.insert` looks for the last link before the new one, but does not stop there: it goes on to the
 * first (chainer#6053, never fixed because saved files depend on it). So `Sequential(a, b, c, d)` numbers its
 * children a, d, c, b; and with p functions before the first link, the first p + 1 links come in order, then the others
 * backwards. This holds for layers given to the constructor or appended; any other history of edits is not known here.
 * @param target a link, or an optimizer of one.
 * @throws InvalidArgumentError where no links are known.
 */
export function chainerSequential(target: Serializable): NameMap {
  const root = target instanceof Link ? target : linkOf(target);
  const renamed = new Map<string, string>();
  collect(root, '', '', renamed);
  const fileKey = (key: string): string => {
    // The longest beginning that is a link; what follows are names of parameters and states.
    for (let at = key.lastIndexOf('/'); at > 0; at = key.lastIndexOf('/', at - 1)) {
      const path = renamed.get(key.slice(0, at));
      if (path !== undefined) return path + key.slice(at);
    }
    return key;
  };
  const names = [...target.serialEntries()].map(({ key }) => [key, { from: fileKey(key) }]);
  return { title: "Chainer's Sequential", names: Object.fromEntries(names) };
}

/** The model of an optimizer. */
function linkOf(target: Serializable): Link {
  if ('target' in target && target.target instanceof Link) return target.target;
  throw new InvalidArgumentError(
    "names 'chainer-sequential'",
    'a link or an optimizer that is set up',
    'something else',
  );
}

function collect(link: Link, path: string, filePath: string, renamed: Map<string, string>): void {
  const positions = link instanceof Sequential ? chainerPositions(link) : null;
  let index = 0;
  for (const child of link.children()) {
    const name = child.name!;
    const fileName = positions === null ? name : String(positions[index++]);
    renamed.set(path + name, filePath + fileName);
    collect(child, `${path}${name}/`, `${filePath}${fileName}/`, renamed);
  }
}

/** Chainer's number of each child, in the order of the layers. */
function chainerPositions(sequential: Sequential): number[] {
  const { layers } = sequential;
  const first = layers.findIndex((layer) => layer instanceof Link);
  const children: number[] = [];
  const count = layers.filter((layer) => layer instanceof Link).length;
  for (let i = 0; i < count; i++) children.splice(i === 0 ? 0 : first + 1, 0, i);
  return Array.from({ length: count }, (_, i) => children.indexOf(i));
}
