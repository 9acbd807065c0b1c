/** In the place of node-binaries.generated.ts where V8's flags cannot be set, as in pages: package.json chooses by platform. */
export const relaxed4 = '';
export const wide = '';
