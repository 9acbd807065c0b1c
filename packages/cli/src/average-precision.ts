/** What an evaluation found, as text and as JSON. */

export interface ApReport {
  readonly images: number;
  /** Mean over the classes that occur; null where none does. */
  readonly map: number | null;
  /** Average precision at IoU 0.5 of each class; null where there is no truth of it. */
  readonly ap: Readonly<Record<string, number | null>>;
}

const known = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : value;

export const apReport = (
  result: { readonly ap: ArrayLike<number>; readonly map: number },
  labelNames: readonly string[],
  images: number,
): ApReport => ({
  images,
  map: known(result.map),
  ap: Object.fromEntries(labelNames.map((name, l) => [name, known(result.ap[l])])),
});

/** Which class was taken for which: a row a true class, a column a found one. */
export function confusionTable({
  classes,
  counts,
}: {
  readonly classes: readonly string[];
  readonly counts: readonly (readonly number[])[];
}): string {
  const rows = [
    ['', ...classes, 'missed'],
    ...counts.map((row, t) => [classes[t] ?? 'nothing', ...row.map((n) => (n === 0 ? '.' : `${n}`))]),
  ];
  rows.at(-1)![rows[0]!.length - 1] = '';
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join('  ');
  return `True classes in rows, found ones (score 0.5 or more) in columns:\n${rows.map((row) => `  ${line(row)}`.trimEnd()).join('\n')}\n`;
}

/** A line a class, then the mean. */
export function apTable({
  images,
  map,
  ap,
  coco,
}: ApReport & { readonly coco?: { readonly ap: number | null } }): string {
  const rows: [string, number | null][] = [
    ...Object.entries(ap),
    ['mAP@.5', map],
    ...(coco === undefined ? [] : [['COCO AP', coco.ap] as [string, number | null]]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(
    ([name, value]) => `${name.padEnd(width)}  ${value === null ? 'none there' : value.toFixed(4)}`,
  );
  return [`Average precision on ${images} images (IoU 0.5):`, ...lines.map((line) => `  ${line}`), ''].join(
    '\n',
  );
}
