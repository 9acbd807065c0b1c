export { CenterNet, type CenterNetOptions } from './centernet.ts';
