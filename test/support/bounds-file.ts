/**
 * The environment variable that names the file where programs that tests start tell what they have counted. Set in
 * `npm run test:bounds` only, before program.ts is loaded, which looks whether it is.
 */
export const BOUNDS_FILE = 'CHAINGRAD_BOUNDS_FILE';
