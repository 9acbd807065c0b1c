import { DuplicateNameError, InvalidArgumentError, UnknownNameError } from './errors.ts';
import { type CopyMemo, type CopyMode, Link } from './link.ts';

const dicts = new WeakMap<ChainDict, Map<string, Link>>();

function linksOf(dict: ChainDict): Map<string, Link> {
  let links = dicts.get(dict);
  if (links === undefined) {
    links = new Map();
    dicts.set(dict, links);
  }
  return links;
}

/**
 * Child links by name: `new ChainDict({ small: new Linear(2), large: new Linear(9) })` has `/large/W` and `/small/W`. For names that
 * are found at run time; a class with fields says the same with types. Parameters come in the order of a Chain, sorted by
 * name; iteration goes in the order of addition. Fields of a subclass may hold parameters, not links.
 */
export class ChainDict<L extends Link = Link> extends Link {
  constructor(links: Readonly<Record<string, L>> = {}) {
    super();
    for (const [name, link] of Object.entries(links)) this.addLink(name, link);
  }

  get size(): number {
    return linksOf(this).size;
  }

  /** The names, in order of addition. */
  get names(): string[] {
    return [...linksOf(this).keys()];
  }

  /** Adds a link. @throws DuplicateNameError, InvalidArgumentError for a name that is empty or has a slash. */
  addLink<C extends L>(name: string, link: C): C {
    const where = `${this.constructor.name}.addLink`;
    if (typeof name !== 'string' || name === '' || name.includes('/'))
      throw new InvalidArgumentError(where, "a name without '/'", `'${name}'`);
    if (!(link instanceof Link)) throw new InvalidArgumentError(where, 'a Link', typeof link);
    if (linksOf(this).has(name)) throw new DuplicateNameError(where, name);
    linksOf(this).set(name, link);
    return link;
  }

  has(name: string): boolean {
    return linksOf(this).has(name);
  }

  /** @throws UnknownNameError */
  get(name: string): L {
    const link = linksOf(this).get(name);
    if (link === undefined) throw new UnknownNameError(this.constructor.name, name, this.names);
    return link as L;
  }

  /** Replaces the link of this name. @throws UnknownNameError */
  set(name: string, link: L): void {
    this.replaceChild(name, link);
  }

  /** Takes the link of this name out and returns it. @throws UnknownNameError */
  remove(name: string): L {
    const link = this.get(name);
    linksOf(this).delete(name);
    return link;
  }

  *[Symbol.iterator](): Generator<[name: string, link: L]> {
    yield* linksOf(this) as Map<string, L>;
  }

  protected override childEntries(): [string, Link][] {
    return [...linksOf(this)].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  protected override childNamed(name: string): Link | undefined {
    return linksOf(this).get(name);
  }

  protected override setChild(name: string, link: Link): void {
    linksOf(this).set(name, link);
  }

  override copy(mode: CopyMode = 'share', memo: CopyMemo = new Map()): this {
    const done = memo.get(this);
    if (done !== undefined) return done as this;
    const copy = super.copy(mode, memo);
    const links = linksOf(copy);
    links.clear();
    for (const [name, link] of linksOf(this)) links.set(name, link.copy(mode, memo));
    return copy;
  }
}
