export * from './file-store.ts';
export * from './memory-store.ts';
export type { Store, StoredFile } from './store.ts';
