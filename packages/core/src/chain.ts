import { DuplicateNameError, InvalidArgumentError, UnknownNameError } from './errors.ts';
import { Link } from './link.ts';

/**
 * A link made of child links: its fields (Chainer's `Chain`).
 *
 * ```ts
 * class Net extends Chain {
 *   readonly conv1 = new Convolution2D(null, 32, 3, { pad: 1 });
 *   readonly fc = new Linear(null, 10);
 *   forward(x: Tensor4D) { return this.fc.call(relu(this.conv1.call(x))); }
 * }
 * ```
 */
export class Chain extends Link {
  protected override childEntries(): [string, Link][] {
    return (Object.entries(this) as [string, unknown][])
      .filter((entry): entry is [string, Link] => entry[1] instanceof Link)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }

  protected override childNamed(name: string): Link | undefined {
    const value: unknown = Object.hasOwn(this, name) ? Reflect.get(this, name) : undefined;
    return value instanceof Link ? value : undefined;
  }

  protected override setChild(name: string, link: Link): void {
    Object.defineProperty(this, name, { value: link });
  }

  /** Adds a child under a computed name. */
  addLink<L extends Link>(name: string, link: L): L {
    if (!(link instanceof Link))
      throw new InvalidArgumentError(`${this.constructor.name}.addLink`, 'a Link', typeof link);
    if (name in this) throw new DuplicateNameError(`${this.constructor.name}.addLink`, name);
    return this.addField(name, link);
  }

  /** The child of a computed name (Chainer's `chain[name]`). */
  child(name: string): Link {
    const found = this.childNamed(name);
    if (found !== undefined) return found;
    const names = this.childEntries().map(([key]) => key);
    throw new UnknownNameError(this.constructor.name, name, names);
  }
}
