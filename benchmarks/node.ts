/** A measurement in a Node process: takes a job as its argument, writes the result into a file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { instructions } from './instructions.ts';
import { type Job, measure } from './measure.ts';
import type { Platform } from './sides/side.ts';

interface NodeJob extends Job {
  /** Folder of the prepared files. */
  readonly files: string;
  readonly result: string;
}

/** The most memory that the process ever had, in bytes. */
function peakBytes(): number {
  try {
    // resourceUsage().maxRSS on Linux starts from what the parent had when it started this process.
    const [, kilobytes] = /VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))!;
    return Number(kilobytes) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

const job = JSON.parse(process.argv[2]!) as NodeJob;

async function bytesOf(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const { buffer, byteOffset, byteLength } = await readFile(path);
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

const platform: Platform = {
  kind: 'node',
  read: (name) => bytesOf(join(job.files, name)),
  path: (name) => join(job.files, name),
  async photo() {
    const { shape } = JSON.parse(await readFile(join(job.files, 'photo.json'), 'utf8'));
    return { data: await bytesOf(join(job.files, 'photo.rgb')), shape };
  },
  cpuMs() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  instructions: instructions(),
};

const { outputs, ...measurement } = await measure(job, platform);
const { node, v8 } = process.versions;
writeFileSync(
  job.result,
  JSON.stringify({ ...measurement, peakBytes: peakBytes(), engine: `Node ${node}, V8 ${v8}` }),
);
outputs?.forEach((data, i) => {
  writeFileSync(`${job.result}.${i}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
});
// Worker threads of a side may keep the process alive.
process.exit(0);
