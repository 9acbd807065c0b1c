/** Red zones around the blocks of tfjs' wasm heap: who writes beyond its own block is found out. */
import * as tf from '@tensorflow/tfjs-core';

interface WasmModule {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
}

/** Bytes before and after each block; a multiple of the alignment that malloc keeps. */
const ZONE = 256;

const BYTE = 0xa5;

/** Which of the zones of all live blocks were written to. */
export interface RedZones {
  /** Throws when one was. */
  check(where: string): void;
  /** Puts no more zones around new blocks. Those that live keep theirs. */
  end(): void;
}

export function startRedZones(): RedZones {
  const { wasm } = tf.backend() as unknown as { wasm: WasmModule };
  const { _malloc, _free } = wasm;
  /** Sizes of the live blocks. */
  const blocks = new Map<number, number>();
  const violations: string[] = [];
  const look = (pointer: number, bytes: number) => {
    const heap = wasm.HEAPU8;
    for (const start of [pointer - ZONE, pointer + bytes])
      for (let at = start; at < start + ZONE; at++)
        if (heap[at] !== BYTE) {
          violations.push(`byte ${at - pointer} of a block of ${bytes}`);
          return;
        }
  };
  wasm._malloc = (bytes) => {
    const rounded = (bytes + 15) & ~15;
    const pointer = (_malloc(rounded + 2 * ZONE) >>> 0) + ZONE;
    wasm.HEAPU8.fill(BYTE, pointer - ZONE, pointer + rounded + ZONE);
    blocks.set(pointer, rounded);
    return pointer;
  };
  wasm._free = (address) => {
    const pointer = address >>> 0;
    const bytes = blocks.get(pointer);
    if (bytes === undefined) return _free(address);
    look(pointer, bytes);
    blocks.delete(pointer);
    _free(pointer - ZONE);
  };
  return {
    check(where) {
      for (const [pointer, bytes] of blocks) look(pointer, bytes);
      if (violations.length > 0) throw new Error(`${where} wrote to ${violations.splice(0).join(', ')}`);
    },
    end() {
      wasm._malloc = _malloc;
    },
  };
}
