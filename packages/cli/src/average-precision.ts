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

/** A line a class, then the mean. */
export function apTable({ images, map, ap }: ApReport): string {
  const rows: [string, number | null][] = [...Object.entries(ap), ['mAP@.5', map]];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(
    ([name, value]) => `${name.padEnd(width)}  ${value === null ? 'none there' : value.toFixed(4)}`,
  );
  return [`Average precision on ${images} images (IoU 0.5):`, ...lines.map((line) => `  ${line}`), ''].join(
    '\n',
  );
}
