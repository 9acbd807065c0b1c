/**
 * A program that trains in a folder, and kills itself (SIGKILL: nothing can be cleaned up) at a given moment of its work on
 * files. Tells on standard output, line by line in JSON, from where it goes on and how far it is.
 *
 *     kill-child.ts FOLDER [{"operation": "writeFile", "file": "snapshot", "phase": "half", "count": 2}]
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import '@tensorflow/tfjs-backend-cpu';
import { LogReport, type Snapshot, snapshot } from '@chaingrad/training';
import * as tf from '@tensorflow/tfjs-core';
import { valuesOf } from '../support/serializable.ts';
import { buildTraining } from './support.ts';

export interface KillPoint {
  /** rm: of an old file. */
  readonly operation: 'writeFile' | 'rename' | 'open' | 'rm';
  /** The file's name begins so. */
  readonly file: string;
  /** half: in the middle of writing. */
  readonly phase: 'before' | 'half' | 'after';
  /** The how-manieth one. */
  readonly count: number;
}

const [folder, point] = process.argv.slice(2);
const tell = (line: object) => console.log(JSON.stringify(line));
const die = () => process.kill(process.pid, 'SIGKILL');

if (point !== undefined) plan(JSON.parse(point) as KillPoint);

function plan({ operation, file, phase, count }: KillPoint): void {
  const original = fs[operation] as (...args: unknown[]) => Promise<unknown>;
  let seen = 0;
  const patched = async (...args: unknown[]) => {
    const name = String(operation === 'rename' ? args[1] : args[0])
      .replace(`${folder}/`, '')
      .replace(/^\./, '');
    const isMeant = name.startsWith(file) && !(operation === 'rm' && name.endsWith('.part'));
    seen += Number(isMeant);
    const now = isMeant && seen === count;
    if (now && phase === 'before') die();
    if (now && phase === 'half') {
      const bytes = Buffer.from(args[1] as Uint8Array);
      await fs.appendFile(args[0] as string, bytes.subarray(0, bytes.length / 2));
      die();
    }
    const result = await original(...args);
    if (now) die();
    return result;
  };
  Object.assign(fs, { [operation]: patched });
}

await tf.setBackend('cpu');
// Another seed in each process that goes on: whatever is not restored would show.
const names = await fs.readdir(folder!).catch(() => []);
const { trainer, updater } = buildTraining({
  out: folder,
  seed: names.some((name) => name.startsWith('snapshot')) ? process.pid : 1,
  stop: [16, 'iteration'],
});
trainer.extend(new LogReport({ trigger: [3, 'iteration'] }));
trainer.extend(snapshot({ autoload: true, nRetains: 2, log: (message) => tell({ message }) }), {
  trigger: [2, 'iteration'],
});
trainer.extend(() => tell({ iteration: updater.iteration }));
trainer.extend({
  name: 'start',
  priority: 1000,
  call: () => {},
  initialize: () =>
    tell({ resumed: (trainer.getExtension('snapshot') as Snapshot).resumed?.iteration ?? null }),
});
await trainer.run();

const { _snapshot_elapsed_time, ...values } = await valuesOf(trainer);
values['extensions/LogReport/_log'] = String(values['extensions/LogReport/_log']).replace(
  /"elapsed_time":[^},]*/g,
  '',
);
const hash = createHash('sha256').update(JSON.stringify(values)).digest('hex');
tell({ hash });
