import type { Link } from './link.ts';

/** What a hook is told about one call. `out` is null before the call. */
export interface ForwardInfo {
  readonly link: Link;
  readonly args: readonly unknown[];
  readonly out: unknown;
}

/** Watches the calls of links (Chainer's `LinkHook`). Added to one link, or to all for a while (`withLinkHook`). */
export interface LinkHook {
  readonly name: string;
  /** Told when the hook is added to a link (null: to all links). */
  added?(link: Link | null): void;
  deleted?(link: Link | null): void;
  forwardPreprocess?(info: ForwardInfo): void;
  forwardPostprocess?(info: ForwardInfo): void;
}

const entered = new Map<string, LinkHook>();

/** The hooks that see every link now. */
export const globalLinkHooks = (): ReadonlyMap<string, LinkHook> => entered;

/** Runs the synchronous `fn` while `hook` sees the calls of every link. A link's own hook of the same name wins. */
export function withLinkHook<R>(hook: LinkHook, fn: () => R): R {
  const outer = entered.get(hook.name);
  entered.set(hook.name, hook);
  hook.added?.(null);
  try {
    return fn();
  } finally {
    if (outer === undefined) entered.delete(hook.name);
    else entered.set(hook.name, outer);
    hook.deleted?.(null);
  }
}
