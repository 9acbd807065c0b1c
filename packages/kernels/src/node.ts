/**
 * One of Node's modules, or null in a page. Not an import: bundlers for the browser would follow it, and fail. The caller says its
 * type, so that our declarations need none of Node's: `nodeModule<typeof import('node:os')>('node:os')`.
 */
export const nodeModule = <M>(name: `node:${string}`): M | null =>
  typeof process === 'undefined' ? null : ((process.getBuiltinModule?.(name) as M) ?? null);
