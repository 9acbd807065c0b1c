/**
 * Loaded before the programs that tests start in `npm run test:bounds`: their kernels are checked too. Threads, in which it is
 * loaded as well, are let alone: those that compute have their binary from the main one, and not all read TypeScript.
 */
import { isMainThread } from 'node:worker_threads';

if (isMainThread) await import('./bounds.ts');
