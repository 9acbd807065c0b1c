export { SEBlock } from './se-block.ts';
export {
  type PretrainedSENetOptions,
  type SENetOptions,
  SEResNet50,
  SEResNet101,
  SEResNet152,
  SEResNeXt50,
  SEResNeXt101,
} from './senet.ts';
