/** Node's file system, or undefined in a page. Not an import: bundlers for the browser would follow it, and fail. */
export const fileSystem = () =>
  typeof process === 'undefined' ? undefined : process.getBuiltinModule?.('node:fs/promises');
