/**
 * ChainerCV's "Tips using Links", in TypeScript: load a pretrained SSD300 of 20 classes, build one of 50, copy every parameter
 * whose shape is the same, check the copies, and print the names that were skipped.
 *
 *     npm run example:finetune-ssd                           # offline, on a generated file in ChainerCV's format
 *     npm run example:finetune-ssd -- --pretrained voc0712   # the real file, from ChainerCV's server (or a path to it)
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { getShapeMismatchNames, setSeed, transferParams, useBackend } from '@chaingrad/core';
import { SSD300 } from '@chaingrad/vision';
import { save } from '@chaingrad/weights';

const { values } = parseArgs({ options: { pretrained: { type: 'string' } } });

await useBackend('auto');
setSeed(0);

/** A file like ChainerCV's own, with random weights: the real ones are 100 MB on a server of their own. */
async function generateFile(path: string): Promise<void> {
  using model = new SSD300({ nFgClass: 20 });
  model.initialize([1, 300, 300, 3]);
  await save(path, model, { compression: false });
  console.log(`Generated ${path}, ${((await stat(path)).size / 1e6).toFixed(1)} MB, in ChainerCV's format.`);
}

async function loadSource(): Promise<SSD300> {
  if (values.pretrained !== undefined) return SSD300.fromPretrained(values.pretrained, { nFgClass: 20 });
  const folder = await mkdtemp(join(tmpdir(), 'chaingrad-'));
  try {
    const path = join(folder, 'ssd300_generated.npz');
    await generateFile(path);
    return await SSD300.fromPretrained(path, { nFgClass: 20 });
  } finally {
    await rm(folder, { recursive: true });
  }
}

using src = await loadSource();
using dst = new SSD300({ nFgClass: 50 });
dst.initialize([1, 300, 300, 3]);

// The document's first loop: the names whose shapes differ.
const ignoreNames = getShapeMismatchNames(src, dst);

// The second: copy all the others. `transferParams` finds the differing ones by itself; nothing is skipped without being told.
const before = await dst.multibox.conf.at(0).W.tensor.data();
const report = transferParams(src, dst);
assert.deepEqual(
  report.mismatched.map(({ name }) => name),
  ignoreNames,
);

// Check: what was copied is equal, what was skipped is as it was.
const sources = new Map(src.namedparams());
for (const [name, param] of dst.namedparams()) {
  if (ignoreNames.includes(name)) continue;
  assert.deepEqual(await param.tensor.data(), await sources.get(name)!.tensor.data(), name);
}
assert.deepEqual(await dst.multibox.conf.at(0).W.tensor.data(), before);

console.log(
  `Copied ${report.copied.length} parameters (${report.scalars.toLocaleString('en-US')} values), all equal to the source.`,
);
console.log(`Skipped ${ignoreNames.length}, whose shapes differ:`);
for (const { name, src: from, dst: to } of report.mismatched) {
  console.log(`  ${name.padEnd(20)} source (${from.join(', ')}), destination (${to.join(', ')})`);
}
