export { exportTflite, saveTflite, type TfliteExportOptions } from './export-tflite.ts';
