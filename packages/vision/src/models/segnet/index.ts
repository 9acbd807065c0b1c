export { type PretrainedSegNetBasicOptions, SegNetBasic, type SegNetBasicOptions } from './segnet-basic.ts';
