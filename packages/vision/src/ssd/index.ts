export { defaultBbox, type MultiboxGrid } from './default-bbox.ts';
export {
  MultiboxCoder,
  type MultiboxCoderOptions,
  type MultiboxDecodeOptions,
  type MultiboxTarget,
} from './multibox-coder.ts';
export { multiboxLoss } from './multibox-loss.ts';
