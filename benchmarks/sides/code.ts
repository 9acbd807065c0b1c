/** What kind of code a side runs, as reports name it: times of one kind are to be compared with another's knowing that. */
/** WASM, which an engine compiles for registers of 128 bits unless it pairs its operations. */
export const wasmCode = (relaxed: boolean, wide = false): string =>
  `WASM, ${wide ? 256 : 128}-bit${relaxed ? ', relaxed SIMD' : ''}`;

/** Machine code, with the widest instructions that the processor has, where they are known. */
export const nativeCode = (instructions: string | undefined): string =>
  instructions === undefined ? 'native' : `native, ${instructions}`;
