/** The record of a cached file, as JSON. */
import { FormatError } from '@chaingrad/core';
import type { CacheEntry } from './store.ts';

const fields = {
  key: 'string',
  url: 'string',
  bytes: 'number',
  sha256: 'string',
  known: 'boolean',
  fetched: 'string',
} as const satisfies Record<keyof CacheEntry, string>;

/** @throws FormatError when the text is no record, or one of another key. */
export function parseEntry(text: string, key: string): CacheEntry {
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {
    // Said below.
  }
  const record = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const sound = Object.entries(fields).every(([field, type]) => typeof record[field] === type);
  if (!sound || record['key'] !== key || !/^[0-9a-f]{64}$/.test(`${record['sha256']}`)) {
    throw new FormatError({ file: 'entry.json', key }, 'the record of a cached file', text.slice(0, 100));
  }
  return record as unknown as CacheEntry;
}
