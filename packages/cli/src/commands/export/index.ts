/** `chaingrad export`: a model as an ONNX or TFLite file. */
import { Command, InvalidArgumentError } from 'commander';
import { modelHelp, models } from '../../models.ts';
import { count, fraction, namesOption } from '../../options.ts';
import type { ExportOptions } from './run.ts';

function opset(text: string): number {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= 17)) {
    throw new InvalidArgumentError('Expected a whole number, at least 17.');
  }
  return value;
}

export const exportCommand = () =>
  new Command('export')
    .description('write a model as an ONNX or TFLite file, which other runtimes run')
    .argument('<model>', 'a model by name, with its own weights, or a file of weights, e.g. run/best.npz')
    .argument('<out>', 'the file to write: .onnx or .tflite')
    .option('--model <name[:arg=value,...]>', 'whose weights the file has, where it does not tell')
    .addOption(namesOption())
    .option(
      '--with-postprocess',
      'detectors: from the picture (uint8) to boxes, labels and scores in one graph',
    )
    .option('--score-thresh <x>', 'boxes with this score or more are given', fraction)
    .option('--nms-thresh <x>', 'overlap from which the lower scored of two boxes is dropped', fraction)
    .option('--opset <n>', "ONNX' operator set (default: 17)", opset)
    .option('--batch <n>', 'fix the batch size (default: any)', count)
    .option('--layout <layout>', 'NCHW (default), or NHWC, as chaingrad has it')
    .option('--fold-bn', 'put batch normalizations into the convolutions before them')
    .option('--external-data', 'write the arrays into OUT.data (always done above 2 GB)')
    .addHelpText(
      'after',
      `\n${modelHelp(models)}\n\nExamples:\n  chaingrad export ssd-mobilenet-v2-oid detector.onnx --with-postprocess\n` +
        '  chaingrad export run/best.npz mine.onnx --with-postprocess --score-thresh 0.4\n' +
        '  chaingrad export ssd-mobilenet-v2-oid detector.tflite',
    )
    .action(async (source: string, output: string, options: ExportOptions) => {
      const { exportModel } = await import('./run.ts');
      await exportModel(source, output, options);
    });
