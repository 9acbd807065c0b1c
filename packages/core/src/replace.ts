import { InvalidArgumentError, StructureMismatchError } from './errors.ts';
import { Link } from './link.ts';

/**
 * Exchanges a link below `model`, in fields and in containers alike, everywhere it is held:
 *
 * ```ts
 * replace(vgg, (m) => m.fc8, new Linear(null, 10)).dispose();
 * ```
 *
 * An optimizer that was set up before does not know the new parameters: call `setup` again.
 *
 * @param select gives the link to take out.
 * @returns the old link, which is neither changed nor disposed.
 * @throws InvalidArgumentError when the selected value is no link below the model; StructureMismatchError when the new link
 *   is the model, or holds it.
 */
export function replace<M extends Link, C extends Link>(
  model: M,
  select: (model: M) => C,
  link: NoInfer<C>,
): C {
  const old: unknown = select(model);
  const where = `replace in ${model.constructor.name}`;
  if (!(old instanceof Link))
    throw new InvalidArgumentError(where, 'a selector that gives a link', typeof old);
  if (!(link instanceof Link)) throw new InvalidArgumentError(where, 'a Link in its place', typeof link);
  const links = new Map(model.namedlinks());
  const paths = [...links].filter(([path, each]) => each === old && path !== '/').map(([path]) => path);
  if (paths.length === 0) {
    throw new InvalidArgumentError(
      where,
      'a selector that gives a link below the model',
      old === model ? 'the model itself' : `a ${old.constructor.name} that it does not hold`,
    );
  }
  const holders = new Set(paths.map((path) => links.get(path.slice(0, path.lastIndexOf('/')) || '/')!));
  for (const below of link.links()) {
    if (below !== old && holders.has(below))
      throw new StructureMismatchError(
        where,
        `the new ${link.constructor.name} holds the link that would hold it.`,
      );
  }
  for (const path of paths) {
    const at = path.lastIndexOf('/');
    links.get(path.slice(0, at) || '/')!.replaceChild(path.slice(at + 1), link);
  }
  return old as C;
}
