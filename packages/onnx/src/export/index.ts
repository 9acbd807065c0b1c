export { Float, GraphBuilder, type NodeAttributes } from './builder.ts';
export { Constant, type ConstantData, type GraphType } from './constant.ts';
export { OnnxExportError } from './errors.ts';
export { exportOnnx, type SavedOnnx, type SaveOnnxOptions, saveOnnx } from './export-onnx.ts';
export type {
  GraphPort,
  GraphStage,
  GraphWrap,
  OnnxAbout,
  OnnxExportOptions,
  StageInput,
} from './options.ts';
export type { OnnxExportable } from './writer.ts';
