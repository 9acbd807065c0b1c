/** What `chaingrad check` does, once its options are read. */
import { dirname } from 'node:path';
import { describeProblems } from '@chaingrad/vision';
import { layoutOf } from '../../detection-data.ts';
import { writeImage } from '../../images.ts';
import { makeFolder } from '../../outputs.ts';
import { createProgress } from '../../progress.ts';
import { contactSheet } from './contact-sheet.ts';
import { FolderReport, type Report } from './report.ts';
import { openUnique } from './unique.ts';

export interface CheckOptions {
  readonly images?: string;
  readonly size: number;
  readonly out: string;
  readonly json?: boolean;
}

/** Images on the sheet. */
const PICTURES = 20;
/** Longest side of an image on the sheet, pixels. */
const SIDE = 320;

/**
 * Reads every annotation and decodes every image of a folder, prints what is in it, and draws a sheet of labelled images.
 *
 * @throws CliError when the folder has no layout that is known, or the sheet cannot be written.
 */
export async function check(data: string, { images, size, out, json = false }: CheckOptions): Promise<void> {
  const layout = await layoutOf({ data, images });
  const { dataset, parts, problems } = await openUnique({ data, images, onProblem: 'skip' }, layout);
  const report = new FolderReport(layout, parts, dataset.labelNames, size);
  const known = dataset.problems.length;
  const every = Math.max(1, Math.floor(dataset.length / PICTURES));
  const shown: Parameters<typeof contactSheet>[0][number][] = [];
  const progress = createProgress(dataset.length);
  for (let i = 0; i < dataset.length; i++) {
    progress.next(dataset.records[i]!.file);
    const one = await dataset.subset([i]).preload({ maxSide: SIDE });
    for (const problem of one.problems.slice(known)) problems.push(problem);
    if (one.length === 0) continue;
    const example = await one.get(0);
    report.add(dataset.records[i]!, example);
    if (i % every === 0 && shown.length < PICTURES) shown.push(example);
  }
  progress.stop();
  const found = report.finish(problems);
  if (shown.length > 0) {
    makeFolder(dirname(out));
    await writeImage(out, contactSheet(shown, dataset.labelNames, SIDE), 'png');
  }
  const sheet = shown.length > 0 ? out : null;
  process.stdout.write(
    json ? `${JSON.stringify({ folder: data, ...found, sheet }, null, 2)}\n` : text(data, found, sheet),
  );
}

function text(data: string, report: Report, sheet: string | null): string {
  const { layout, notes, parts, classes, images, withoutObjects, warnings, problems } = report;
  const rows = [
    ['class', 'boxes', 'images', 'median', 'smallest'],
    ...classes.map((entry) => [
      entry.name,
      `${entry.boxes}`,
      `${entry.images}`,
      `${Math.round(entry.medianSide)} px`,
      `${Math.round(entry.smallestSide)} px`,
    ]),
  ];
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join('  ')}`;
  const named = Object.entries(parts).map(([name, count]) => `${name} ${count}`);
  return [
    `${data}: ${layout}`,
    ...notes.map((note) => `  note: ${note}`),
    `${images} usable images${named.length === 0 ? '' : ` (${named.join(', ')})`}, ${withoutObjects} of them without objects`,
    `boxes in pixels of a network of ${report.size} x ${report.size}:`,
    ...rows.map(line),
    ...warnings.map((warning) => `warning: ${warning}`),
    problems.length === 0 ? 'no problems in the files' : describeProblems(problems, Number.POSITIVE_INFINITY),
    ...(sheet === null ? [] : [`wrote ${sheet}: labelled images to look at`]),
    '',
  ].join('\n');
}
