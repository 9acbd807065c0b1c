/** The work of `chaingrad export`. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Chain, useBackend } from '@chaingrad/core';
import { saveOnnx, saveTflite } from '@chaingrad/onnx';
import { type ExportableDetector, onnxOfDetector, type VGG16 } from '@chaingrad/vision';
import { tellSuppression } from '../../detector.ts';
import { CliError } from '../../errors.ts';
import { openModel } from '../../open-model.ts';
import { createProgress } from '../../progress.ts';

export interface ExportOptions {
  readonly model?: string;
  readonly names?: string;
  readonly withPostprocess?: boolean;
  readonly scoreThresh?: number;
  readonly nmsThresh?: number;
  readonly opset?: number;
  readonly batch?: number;
  readonly layout?: string;
  readonly foldBn?: boolean;
  readonly externalData?: boolean;
}

/**
 * Writes a model as an ONNX or TFLite file and tells what was written.
 * @throws CliError for options that do not fit the model; the errors of the readers and of the export.
 */
export async function exportModel(source: string, output: string, options: ExportOptions): Promise<void> {
  const { withPostprocess: postprocess = false, opset, batch, layout, foldBn, externalData } = options;
  const ending = /\.(onnx|tflite)$/i.exec(output)?.[1]?.toLowerCase();
  if (ending === undefined) throw new CliError(`${output}: the file to write must end in .onnx or .tflite`);
  const ownOfOnnx = [postprocess, opset, layout, foldBn, externalData];
  if (ending === 'tflite' && ownOfOnnx.some((given) => given !== undefined && given !== false)) {
    throw new CliError(
      'a .tflite file is channels last, with batch normalizations folded: leave out --with-postprocess, --opset, --layout, --fold-bn and --external-data',
    );
  }
  if (layout !== undefined && layout !== 'NCHW' && layout !== 'NHWC') {
    throw new CliError(`--layout must be NCHW or NHWC, got '${layout}'`);
  }
  if (postprocess && (batch !== undefined || layout !== undefined)) {
    throw new CliError(
      '--with-postprocess takes one picture, (height, width, 3): leave out --batch and --layout',
    );
  }
  // Nothing is computed but what is constant.
  await useBackend('cpu');
  const progress = createProgress(1);
  progress.next(source);
  const model = await openModel(source, options, progress.say).finally(progress.stop);
  try {
    const { scoreThresh, nmsThresh } = options;
    const thresholds = scoreThresh !== undefined || nmsThresh !== undefined;
    if (!isDetector(model) && (postprocess || thresholds)) {
      throw new CliError(`${source}: --with-postprocess and thresholds are for detectors`);
    }
    if (thresholds && !postprocess) throw new CliError('thresholds go with --with-postprocess');
    const [inputs, own = {}] = isDetector(model)
      ? onnxOfDetector(model, { postprocess, opset, scoreThresh, nmsThresh })
      : (model as VGG16).onnxArguments();
    if (postprocess && isDetector(model) && nmsThresh === undefined) {
      tellSuppression(model, model.nmsThresh, (text) => process.stderr.write(`${text}\n`));
    }
    const shapes = batch === undefined ? inputs : inputs.map(([, ...rest]) => [batch, ...rest]);
    await mkdir(dirname(output), { recursive: true });
    if (ending === 'tflite') {
      const { inputNames, outputNames, about } = own;
      await saveTflite(output, model, shapes, { inputNames, outputNames, description: about?.description });
      process.stdout.write(`wrote ${output} (${((await stat(output)).size / 1e6).toFixed(2)} MB)\n`);
      return;
    }
    const saved = await saveOnnx(output, model, shapes, {
      ...own,
      opset,
      ...(batch === undefined ? {} : { batch: 'fixed' }),
      ...(layout === undefined ? {} : { layout }),
      foldBatchNormalization: foldBn,
      externalData,
    });
    const lines = await Promise.all(
      saved.files.map(
        async (file) => `wrote ${String(file)} (${((await stat(file)).size / 1e6).toFixed(2)} MB)`,
      ),
    );
    lines.push(`${saved.operators} operators of set ${saved.opset}`);
    process.stdout.write(`${lines.join('\n')}\n`);
  } finally {
    model.dispose();
  }
}

const isDetector = (model: Chain): model is ExportableDetector => 'onnxGraph' in model;
