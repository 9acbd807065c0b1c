/** Writes the networks' files, the same parameters in each side's own format. */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { useBackend } from '@chaingrad/core';
import { exportTflite } from '@chaingrad/onnx';
import { SSD } from '@chaingrad/vision';
import { readImage } from 'chaingrad';
import { drawnTargets } from '../../packages/cli/src/commands/bench/training-step.ts';
import { LIMITS_PAGES, limitsFile, limitsSource } from '../limits.ts';
import { graphOf } from '../models/index.ts';
import { tfjsLayout } from '../models/layouts.ts';
import { onnxBytes } from '../models/onnx.ts';
import { safetensorsHeader } from '../models/safetensors.ts';
import { drawInput, drawParam } from '../models/weights.ts';
import { loadDrawn, modelOf } from '../sides/models.ts';
import { compileAssembly } from './assembly.ts';
import { files, root } from './paths.ts';

/** To be raised when the way in which files are made changes. */
const VERSION = 4;

function write(name: string, chunks: Iterable<Uint8Array>): void {
  const fd = openSync(`${files}${name}.part`, 'w');
  for (const chunk of chunks) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
  closeSync(fd);
  renameSync(`${files}${name}.part`, `${files}${name}`);
}

const bytes = (data: Float32Array | Int32Array) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** The files of a network that its sides share, unless they are there. */
export function prepareModel(name: string): void {
  const done = `${files}${name}.v${VERSION}`;
  if (existsSync(done)) return;
  mkdirSync(files, { recursive: true });
  const graph = graphOf(name);
  const params = new Map([...graph.params.keys()].map((key) => [key, drawParam(graph, key)]));
  const names = [...params.keys()];
  function* plain() {
    yield safetensorsHeader(graph.params);
    for (const key of names) yield bytes(params.get(key)!);
  }
  function* tfjs() {
    const arrays = names.map((key) => [key, tfjsLayout(graph, key, params.get(key)!)] as const);
    yield safetensorsHeader(arrays.map(([key, { shape }]) => [key, shape] as const));
    for (const [, { data }] of arrays) yield bytes(data);
  }
  write(`${name}.safetensors`, plain());
  write(`${name}.tfjs.safetensors`, tfjs());
  write(`${name}.onnx`, [onnxBytes(graph, (key) => params.get(key)!)]);
  writeFileSync(done, '');
}

/** The TFLite file that chaingrad exports of its model, for batches of this size, unless it is there. */
export async function prepareTflite(name: string, batch: number): Promise<void> {
  const file = `${name}.batch${batch}.tflite`;
  if (existsSync(`${files}${file}`)) return;
  const graph = graphOf(name);
  await useBackend('cpu');
  const model = modelOf(graph);
  if (model === null) throw new Error(`${name} is no model of chaingrad, which exports none of others`);
  await loadDrawn(model, graph);
  write(file, [await exportTflite(model, [[batch, ...graph.input]], { outputNames: [...graph.outputs] })]);
  model.dispose();
}

/** The program that measures what the engine reaches, with fused multiply-adds and without. */
export async function prepareLimits(): Promise<void> {
  mkdirSync(files, { recursive: true });
  for (const relaxed of [false, true])
    write(limitsFile(relaxed), [
      await compileAssembly(limitsSource(relaxed), { relaxed, memoryPages: LIMITS_PAGES }),
    ]);
}

/** What PyTorch cannot draw or know by itself: the graph, the batch, and what an SSD is to learn. */
export async function preparePytorch(name: string, batch: number): Promise<void> {
  const graph = graphOf(name);
  await useBackend('cpu');
  write(`${name}.batch${batch}.f32`, [bytes(drawInput(graph, batch))]);
  const model = modelOf(graph);
  if (model instanceof SSD) {
    const { mbLoc, mbLabel } = drawnTargets(model);
    write(`${name}.locs.f32`, [bytes(mbLoc)]);
    write(`${name}.labels.i32`, [bytes(mbLabel)]);
  }
  writeFileSync(`${files}${name}.graph.json`, JSON.stringify({ ...graph, params: [...graph.params] }));
}

/** Photos without their compression, so that reading it is not measured. */
export async function preparePhotos(): Promise<void> {
  mkdirSync(files, { recursive: true });
  for (const [name, picture] of [
    ['photo', 'chelsea.png'],
    ['face', 'astronaut.png'],
  ]) {
    if (existsSync(`${files}${name}.json`)) continue;
    const { data, shape } = (await readImage(`${root}examples/images/${picture}`)).img;
    writeFileSync(`${files}${name}.rgb`, data);
    writeFileSync(`${files}${name}.json`, JSON.stringify({ shape }));
  }
}
