/**
 * What the two detectors of the command find in photos of everyday things, by their own thresholds and at equal precision.
 *
 *     npm run bench:detectors -- FOLDER
 *
 * FOLDER has the pictures that `photos.json` names: those of Debian's packages `darknet` (/usr/share/darknet/data) and `opencv-doc`
 * (/usr/share/doc/opencv-doc/examples/data), and those of `examples/images`. Their objects of COCO's classes were labelled by hand, as
 * (ymin, xmin, ymax, xmax); what bears a question mark, a crowd or something cut off, counts neither as missed nor as wrong.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { useBackend } from '@chaingrad/core';
import { importTfjs } from '@chaingrad/onnx';
import { bboxIou, CenterNet, type DetectionLink, SSDMobileNetV2 } from '@chaingrad/vision';
import { decodeImage } from '../../packages/cli/src/images.ts';

type Row = readonly [name: string, ymin: number, xmin: number, ymax: number, xmax: number];

/** Classes of Open Images as COCO calls them. What COCO has no class for is not compared: it may well be right. */
const inCoco: Readonly<Record<string, readonly string[]>> = {
  'Coffee cup': ['cup'],
  Mug: ['cup'],
  'Computer mouse': ['mouse'],
  'Computer monitor': ['tv'],
  Cattle: ['cow'],
  Table: ['dining table'],
  Desk: ['dining table'],
  Vehicle: ['car', 'truck', 'bus', 'boat', 'train', 'airplane', 'motorcycle'],
  ...Object.fromEntries(
    ['Bicycle', 'Laptop', 'Person', 'Chair', 'Cat', 'Bottle', 'Dog', 'Book', 'Car'].map((name) => [
      name,
      [name.toLowerCase()],
    ]),
  ),
};

/** From this overlap on a detection is of the object. */
const IOU = 0.5;

interface Judged {
  readonly score: number;
  readonly right: boolean;
}

const covered = ([, top, left, bottom, right]: Row, [t, l, b, r]: readonly number[]): boolean => {
  const h = Math.max(0, Math.min(bottom, b!) - Math.max(top, t!));
  const w = Math.max(0, Math.min(right, r!) - Math.max(left, l!));
  return h * w >= 0.5 * (b! - t!) * (r! - l!);
};

/** Every detection of COCO's classes, the best first, right or wrong: of an object only the first is right. */
async function judge(
  model: DetectionLink,
  names: readonly (readonly string[] | undefined)[],
  folder: string,
  truth: Readonly<Record<string, readonly Row[]>>,
): Promise<Judged[]> {
  const all: Judged[] = [];
  for (const [file, rows] of Object.entries(truth)) {
    const { img } = await decodeImage(file, await readFile(join(folder, file)));
    const { bboxes, labels, scores } = await model.predict([img], { scoreThresh: 0.05, nmsThresh: 0.45 });
    const objects = rows.filter(([name]) => !name.endsWith('?'));
    const taken = new Set<Row>();
    const order = [...scores[0]!.keys()].sort((a, b) => scores[0]![b]! - scores[0]![a]!);
    for (const i of order) {
      const own = names[labels[0]![i]!];
      if (own === undefined) continue;
      const box = [...bboxes[0]!.subarray(4 * i, 4 * i + 4)];
      const fits = (row: Row) =>
        row[0]
          .replace('?', '')
          .split('|')
          .some((name) => own.includes(name));
      const iou = (row: Row) =>
        bboxIou(Float32Array.from(box), Float32Array.from(row.slice(1) as number[]))[0]!;
      const [best] = objects
        .filter((row) => !taken.has(row) && fits(row) && iou(row) >= IOU)
        .sort((a, b) => iou(b) - iou(a));
      if (best !== undefined) taken.add(best);
      else if (rows.some((row) => row[0].endsWith('?') && fits(row) && covered(row, box))) continue;
      all.push({ score: scores[0]![i]!, right: best !== undefined });
    }
  }
  return all.sort((a, b) => b.score - a.score);
}

const [, , folder] = process.argv;
const truth = JSON.parse(await readFile(new URL('photos.json', import.meta.url), 'utf8')) as Record<
  string,
  Row[]
>;
const missing =
  folder === undefined ? [] : Object.keys(truth).filter((file) => !existsSync(join(folder, file)));
if (folder === undefined || missing.length > 0) {
  console.error(
    folder === undefined
      ? 'Give the folder of the pictures.'
      : `${folder} lacks ${missing.join(', ')}: they are in Debian's packages darknet and opencv-doc, and in examples/images.`,
  );
  process.exit(1);
}
const count = Object.values(truth)
  .flat()
  .filter(([name]) => !name.endsWith('?')).length;

await useBackend('auto');
using centre = new CenterNet(
  await importTfjs('centernet-mobilenetv3-coco', { outputs: [...CenterNet.outputs] }),
);
using ssd = await SSDMobileNetV2.fromPretrained();
const detectors = [
  ['ssd-mobilenet-v2-oid', ssd, ssd.labelNames!.map((name) => inCoco[name])],
  ['centernet-mobilenetv3-coco', centre, centre.labelNames.map((name) => [name])],
] as const;
const percent = (part: number, whole: number) =>
  whole === 0 ? '-' : `${((100 * part) / whole).toFixed(0)} %`;
console.log(`${Object.keys(truth).length} pictures, ${count} objects of COCO's classes\n`);
console.log('| detector | threshold | right | wrong | precision | recall |\n|---|---:|---:|---:|---:|---:|');
const found = new Map<string, Judged[]>();
for (const [name, model, names] of detectors) {
  const judged = await judge(model, names, folder, truth);
  found.set(name, judged);
  const line = (thresh: number, mark = '') => {
    const sure = judged.filter(({ score }) => score >= thresh);
    const right = sure.filter((each) => each.right).length;
    console.log(
      `| ${name} | ${thresh.toFixed(2)}${mark} | ${right} | ${sure.length - right} | ${percent(right, sure.length)} | ${percent(right, count)} |`,
    );
  };
  line(model.scoreThresh, ' (default)');
  for (const thresh of [0.3, 0.4, 0.5, 0.6]) line(thresh);
}
console.log('\n| precision at least | most objects found: | |\n|---|---:|---:|');
for (const precision of [1, 0.95, 0.9, 0.85, 0.8, 0.7]) {
  const cells = [...found].map(([, judged]) => {
    let [right, most] = [0, { right: 0, score: 1 }];
    for (const [i, each] of judged.entries()) {
      if (each.right) right += 1;
      if (right / (i + 1) >= precision && right > most.right) most = { right, score: each.score };
    }
    return `${most.right} (from ${most.score.toFixed(2)})`;
  });
  console.log(`| ${percent(precision, 1)} | ${cells.join(' | ')} |`);
}
