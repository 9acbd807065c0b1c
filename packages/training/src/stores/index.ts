export * from './file-store.ts';
export * from './memory-store.ts';
export * from './store.ts';
