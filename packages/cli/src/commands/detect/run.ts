/** What `chaingrad detect` does, once its options are read. */
import { createReadStream, existsSync } from 'node:fs';
import { appendFile, open, stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Detector, openDetector } from '../../detector.ts';
import { drawDetections } from '../../draw.ts';
import { eachPicture } from '../../each-picture.ts';
import { writeImage } from '../../images.ts';
import { parseShard, pictures } from '../../inputs.ts';
import { readLabels } from '../../labels.ts';
import { detectorNames, type detectors } from '../../models.ts';
import { outputNames } from '../../outputs.ts';
import { type BackendArguments, startBackend } from '../../start-backend.ts';

export interface DetectOptions extends BackendArguments {
  readonly model?: keyof typeof detectors;
  readonly weights?: string;
  readonly names?: string;
  readonly scoreThresh?: number;
  readonly nmsThresh?: number;
  readonly nFgClass?: number;
  readonly labels?: string;
  readonly tiles?: number;
  readonly out?: string;
  readonly json?: boolean;
  readonly jsonl?: string;
  readonly shard?: string;
}

export interface DetectedObject {
  readonly label: string;
  readonly score: number;
  /** Pixels of the picture as it is seen (upright): ymin, xmin, ymax, xmax. */
  readonly bbox: readonly [ymin: number, xmin: number, ymax: number, xmax: number];
}

export interface ImageResult {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  /** Time of the prediction alone: resizing, forward pass, decoding; without reading and drawing. */
  readonly ms: number;
  readonly objects: readonly DetectedObject[];
}

/**
 * Detects objects in every file, prints them and writes the pictures with the boxes drawn.
 *
 * A file that cannot be read is told on stderr and makes the exit code 1; the others are done all the same.
 *
 * @throws CliError (or an error of the library) when nothing can be done at all: no such backend, weights or output folder.
 */
export async function detect(words: readonly string[], options: DetectOptions): Promise<void> {
  const { json = false, jsonl } = options;
  const shard = options.shard === undefined ? undefined : parseShard(options.shard);
  const labelNames = options.labels === undefined ? undefined : await readLabels(options.labels);
  const given = await pictures(words, shard);
  const done = jsonl === undefined ? new Set() : await filesIn(jsonl);
  const files = given.filter((file) => !done.has(file));
  if (done.size > 0)
    process.stderr.write(`${jsonl}: ${given.length - files.length} of ${given.length} pictures are done\n`);
  const backend = await startBackend(options);
  const out = options.out ?? (jsonl === undefined ? 'chaingrad-out' : null);
  const outputName = out === null ? null : outputNames(out, files);
  const images: ImageResult[] = [];
  const append = async (line: object) => {
    if (jsonl !== undefined) await appendFile(jsonl, `${JSON.stringify(line)}\n`);
  };
  let detector: Detector | undefined;
  try {
    await eachPicture(
      files,
      async ({ file, img, format }, progress) => {
        // Opened for the first image that can be read, so that a wrong file name is told at once.
        detector ??= await openDetector(options.model, { ...options, labelNames, say: progress.say });
        // The bar names the image again, not what was loaded for it.
        progress.say(file);
        const [height, width] = img.shape;
        const start = performance.now();
        const found = await detector.predict(img, options);
        const ms = round(performance.now() - start, 1);
        const names = detector.labelNames;
        const objects = [...found.labels].map((label, i) => ({
          label: names[label]!,
          score: round(found.scores[i]!, 5),
          bbox: [0, 1, 2, 3].map((k) =>
            round(found.bboxes[4 * i + k]!, 2),
          ) as unknown as DetectedObject['bbox'],
        }));
        const output = outputName?.(file, format);
        if (output !== undefined) await writeImage(output, drawDetections(img, found, names), format);
        const result = { file, width, height, ms, objects };
        await append(result);
        if (json) images.push(result);
        progress.around(() => {
          if (json) process.stderr.write(output === undefined ? '' : `wrote ${output}\n`);
          else if (jsonl === undefined) process.stdout.write(asText(result, output!));
        });
      },
      ({ file, reason }) => append({ file, error: reason }),
    );
  } finally {
    detector?.[Symbol.dispose]();
  }
  const model = detector?.name ?? options.model ?? detectorNames[0];
  const report = { model, backend: backend.name, images };
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
}

/** The files of which a line is there already; those that could not be read are tried again. A line that was cut short is ended. */
async function filesIn(jsonl: string): Promise<Set<string>> {
  const done = new Set<string>();
  if (!existsSync(jsonl)) return done;
  let last = '';
  for await (const line of createInterface({ input: createReadStream(jsonl) })) {
    last = line;
    try {
      const { file, error } = JSON.parse(line) as { file?: string; error?: string };
      if (file !== undefined && error === undefined) done.add(file);
    } catch {
      // Cut short: the picture is done again.
    }
  }
  const { size } = await stat(jsonl);
  const ended = size === 0 || (await readLast(jsonl, size)) === 10;
  if (last !== '' && !ended) await appendFile(jsonl, '\n');
  return done;
}

/** The last byte of a file. */
async function readLast(file: string, size: number): Promise<number> {
  await using handle = await open(file);
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0]!;
}

/** The result of one picture for people: a line about the picture and one an object, best score first. */
function asText({ file, width, height, ms, objects }: ImageResult, output: string): string {
  const pad = Math.max(...objects.map(({ label }) => label.length));
  const lines = objects.map(({ label, score, bbox }) => {
    const [ymin, xmin, ymax, xmax] = bbox.map((value) => value.toFixed(1));
    return `  ${label.padEnd(pad)}  ${score.toFixed(3)}  ymin ${ymin}  xmin ${xmin}  ymax ${ymax}  xmax ${xmax}`;
  });
  if (lines.length === 0) lines.push('  no objects found');
  return [`${file}  ${width}x${height}  ${ms} ms  -> ${output}`, ...lines, ''].join('\n');
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));
