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
  const fs = nodeModule<typeof import('node:fs/promises')>('node:fs/promises');
  if (fs === null) return null;
  return {
    fs,
    os: nodeModule<typeof import('node:os')>('node:os')!,
    path: nodeModule<typeof import('node:path')>('node:path')!,
    crypto: nodeModule<typeof import('node:crypto')>('node:crypto')!,
    module: nodeModule<typeof import('node:module')>('node:module')!,
    url: nodeModule<typeof import('node:url')>('node:url')!,
  };
}
