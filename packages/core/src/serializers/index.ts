/** Weight files: NumPy's npy and npz (Chainer's), and safetensors. */
export * from './format-error.ts';
export * from './named-array.ts';
export * from './npy.ts';
export * from './npz.ts';
export * from './read-bytes.ts';
export * from './safetensors.ts';
export * from './source-error.ts';
