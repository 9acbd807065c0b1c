/** What is likely to go wrong, and how long to train. */
import { type Project, split } from './project.ts';

/** Boxes of a class from which something can be learnt. */
const FEW = 15;
/** Of the picture's side: the network sees 300 x 300 pixels. */
const SMALL = 1 / 20;
/** How often each picture is seen, as `chaingrad finetune` does by default. */
const EPOCHS = 20;
export const BATCH = 4;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** One sentence each. */
export function warnings(project: Project): string[] {
  const { train, test } = split(project);
  const told: string[] = [];
  project.names.forEach((name, label) => {
    const sides = [...train, ...test].flatMap(({ boxes, width, height }) =>
      boxes
        .filter((box) => box.label === label)
        .map(({ box: [top, left, bottom, right] }) =>
          Math.sqrt(((bottom - top) / height) * ((right - left) / width)),
        ),
    );
    if (sides.length === 0) return;
    const why = [
      ...(sides.length < FEW ? ['few'] : []),
      ...(median(sides) < SMALL ? ['very small: cut the pictures up, or go nearer'] : []),
    ];
    if (why.length > 0)
      told.push(`${name}: ${sides.length} ${sides.length === 1 ? 'box' : 'boxes'}, ${why.join(', and ')}.`);
  });
  const used = new Set([...train, ...test].flatMap(({ boxes }) => boxes.map(({ label }) => label)));
  for (const [label, name] of project.names.entries())
    if (used.size > 0 && !used.has(label)) told.push(`${name}: no box yet.`);
  if (used.size > 0 && test.length === 0)
    told.push('No picture is held out, so nothing can be measured: label five or more.');
  const waiting = project.pictures.reduce(
    (sum, { boxes }) => sum + boxes.filter(({ suggested }) => suggested).length,
    0,
  );
  if (waiting > 0) told.push(`${waiting} suggested boxes are not accepted yet, and not learnt from.`);
  return told;
}

/** Steps of so many pictures, a multiple of 20. */
export function suggestedSteps(project: Project): number {
  const { train } = split(project);
  const steps = (EPOCHS * train.length) / Math.min(BATCH, Math.max(1, train.length));
  return Math.min(2000, Math.max(100, Math.ceil(steps / 20) * 20));
}

/** 'about 40 s', 'about 3 minutes'. */
export function duration(seconds: number): string {
  if (seconds < 90) return `about ${Math.max(1, Math.ceil(seconds))} s`;
  return `about ${Math.round(seconds / 60)} minutes`;
}
