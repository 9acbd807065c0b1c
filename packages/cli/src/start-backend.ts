/** Starts the backend that a command was asked for. */
import { type BackendInfo, useBackend } from '@chaingrad/core';
import type { BackendChoice } from './options.ts';

/** What every command that computes takes. */
export interface BackendArguments {
  readonly backend: BackendChoice;
  /** Compute with registers of 256 bits where that is possible. */
  readonly wide?: boolean | undefined;
}

/**
 * @param threads threads to compute with, on wasm; as chaingrad chooses where it is left out.
 * @returns what is used. Where that is less than `--wide` asks for, stderr says why.
 */
export async function startBackend(
  { backend, wide = false }: BackendArguments,
  threads?: number,
): Promise<BackendInfo> {
  const info = await useBackend(backend, { wide, ...(threads !== undefined && { threads }) });
  if (wide && info.wasm?.wide !== true) {
    const why = info.name === 'wasm' ? info.notes.join('; ') : `the backend is ${info.name}`;
    process.stderr.write(`--wide has no effect: ${why}\n`);
  }
  return info;
}
