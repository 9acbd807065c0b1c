/** ONNX' messages. */
export * from './messages.ts';
