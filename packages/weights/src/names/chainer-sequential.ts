/** The keys that Chainer gives the children of a Sequential. */
import { Link, type NameMap, Sequential, type Serializable } from '@chaingrad/core';
import { linkOf, linkPaths, splitKey } from './link-paths.ts';

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
  const paths = linkPaths(linkOf(target, 'chainer-sequential'), (link) =>
    link instanceof Sequential ? chainerPositions(link).map(String) : null,
  );
  const fileKey = (key: string): string => {
    const [path, rest] = splitKey(paths, key);
    return path === '' ? rest : `${paths.get(path)}/${rest}`;
  };
  const names = [...target.serialEntries()].map(({ key }) => [key, { from: fileKey(key) }]);
  return { title: "Chainer's Sequential", names: Object.fromEntries(names) };
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
