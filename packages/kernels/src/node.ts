/** What is asked for of Node, by its module's name. */
interface Builtins {
  'node:crypto': typeof import('node:crypto');
  'node:fs': typeof import('node:fs');
  'node:fs/promises': typeof import('node:fs/promises');
  'node:module': typeof import('node:module');
  'node:os': typeof import('node:os');
  'node:path': typeof import('node:path');
  'node:url': typeof import('node:url');
  'node:worker_threads': typeof import('node:worker_threads');
  'node:zlib': typeof import('node:zlib');
}

/** One of Node's modules, or null in a page. Not an import: bundlers for the browser would follow it, and fail. */
export const nodeModule = <K extends keyof Builtins>(name: K): Builtins[K] | null =>
  typeof process === 'undefined' ? null : ((process.getBuiltinModule?.(name) as Builtins[K]) ?? null);
