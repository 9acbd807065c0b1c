/** Node's built-in modules, or null in a page. Not imports: bundlers for the browser would follow them, and fail. */
export const node = () =>
  typeof process === 'undefined' || process.getBuiltinModule === undefined
    ? null
    : {
        fs: process.getBuiltinModule('node:fs/promises'),
        os: process.getBuiltinModule('node:os'),
        path: process.getBuiltinModule('node:path'),
        crypto: process.getBuiltinModule('node:crypto'),
        module: process.getBuiltinModule('node:module'),
      };

export type NodeModules = NonNullable<ReturnType<typeof node>>;
