import { InvalidArgumentError } from './errors.ts';
import { type CopyMemo, type CopyMode, Link } from './link.ts';

const lists = new WeakMap<ChainList, Link[]>();

/** The list of a ChainList; for its subclasses within this package. */
export function linksOf(list: ChainList): Link[] {
  let links = lists.get(list);
  if (links === undefined) {
    links = [];
    lists.set(list, links);
  }
  return links;
}

/**
 * An ordered list of child links, named by their index: `/0/W`, ..., `/10/W`, in list order (Chainer's `ChainList`).
 * Fields of a subclass may hold parameters, not links.
 */
export class ChainList<L extends Link = Link> extends Link {
  constructor(...links: L[]) {
    super();
    for (const link of links) this.addLink(link);
  }

  get length(): number {
    return linksOf(this).length;
  }

  /** Appends a link. */
  addLink(link: L): this {
    return this.insert(this.length, link);
  }

  /** The link at `index`; negative ones count from the end. */
  at(index: number): L {
    return linksOf(this)[this.position(index)] as L;
  }

  /** Replaces the link at `index`. */
  set(index: number, link: L): void {
    this.setChild(String(this.position(index)), checkLink(link));
  }

  /** Inserts a link before `index`; the names behind it move up. */
  insert(index: number, link: L): this {
    if (!Number.isInteger(index) || index < 0 || index > this.length) {
      throw new InvalidArgumentError(
        `${this.constructor.name}.insert`,
        `an integer index in 0..${this.length}`,
        index,
      );
    }
    linksOf(this).splice(index, 0, checkLink(link));
    return this;
  }

  /** Takes the link at `index` out and returns it; the names behind it move down. */
  remove(index: number): L {
    return linksOf(this).splice(this.position(index), 1)[0] as L;
  }

  *[Symbol.iterator](): Generator<L> {
    yield* linksOf(this) as L[];
  }

  private position(index: number): number {
    const position = index < 0 ? index + this.length : index;
    if (!Number.isInteger(position) || position < 0 || position >= this.length) {
      throw new InvalidArgumentError(
        `${this.constructor.name}`,
        `an integer index below ${this.length}`,
        index,
      );
    }
    return position;
  }

  protected override childEntries(): [string, Link][] {
    return linksOf(this).map((link, i) => [String(i), link]);
  }

  protected override childNamed(name: string): Link | undefined {
    return linksOf(this)[Number(name)];
  }

  protected override setChild(name: string, link: Link): void {
    linksOf(this)[Number(name)] = link;
  }

  override copy(mode: CopyMode = 'share', memo: CopyMemo = new Map()): this {
    const done = memo.get(this);
    if (done !== undefined) return done as this;
    const copy = super.copy(mode, memo);
    linksOf(copy).splice(0, Number.POSITIVE_INFINITY, ...linksOf(this).map((link) => link.copy(mode, memo)));
    return copy;
  }
}

function checkLink<L extends Link>(link: L): L {
  if (!(link instanceof Link)) throw new InvalidArgumentError('ChainList', 'a Link', typeof link);
  return link;
}
