/** In the place of wide-binary.generated.ts where V8's flags cannot be set, as in pages: package.json chooses by platform. */
export const wide = '';
