import { nodeModule } from '@chaingrad/core';

/** What of Node the sources need. */
export interface NodeModules {
  readonly fs: typeof import('node:fs/promises');
  readonly os: typeof import('node:os');
  readonly path: typeof import('node:path');
  readonly crypto: typeof import('node:crypto');
  readonly module: typeof import('node:module');
  readonly url: typeof import('node:url');
}

/** These modules, or null in a page. */
export function node(): NodeModules | null {
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
