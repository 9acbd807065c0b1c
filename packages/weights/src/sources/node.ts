import { nodeModule } from '@chaingrad/core';

/** What of Node the sources need, or null in a page. */
export function node() {
  const fs = nodeModule('node:fs/promises');
  if (fs === null) return null;
  return {
    fs,
    os: nodeModule('node:os')!,
    path: nodeModule('node:path')!,
    crypto: nodeModule('node:crypto')!,
    module: nodeModule('node:module')!,
    url: nodeModule('node:url')!,
  };
}

export type NodeModules = NonNullable<ReturnType<typeof node>>;
