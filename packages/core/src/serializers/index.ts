/** Weight files: NumPy's npy and npz (Chainer's), and safetensors. */

export { collectArrays, type SaveOptions } from './collect-arrays.ts';
export { crc32 } from './crc32.ts';
export * from './format-error.ts';
export { floatToHalf, halfToFloat, halvesToFloats } from './half.ts';
export * from './load-arrays.ts';
export * from './load-npz.ts';
export * from './load-safetensors.ts';
export { nameMatcher } from './name-filter.ts';
export * from './named-array.ts';
export { type NpyHeader, npyHeaderLimit, readNpy, readNpyHeader, writeNpy } from './npy.ts';
export * from './npz.ts';
export * from './read-bytes.ts';
export * from './safetensors.ts';
export * from './save-npz.ts';
export * from './save-safetensors.ts';
export type { SequentialOrder } from './sequential-order.ts';
export * from './source-error.ts';
export * from './zip.ts';
