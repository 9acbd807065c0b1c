export {
  type DetectorGraph,
  type ExportableDetector,
  type OnnxOfDetectorOptions,
  onnxOfDetector,
} from './onnx-of-detector.ts';
