/** LiteRT.js: TensorFlow Lite on WASM, on the file that chaingrad exports. Its convolutions are XNNPACK's. */
import { wasmCode } from './code.ts';
import type { Platform, Side } from './side.ts';

/** The parts of LiteRT.js that are used. Its own types change those of Float32Array everywhere. */
interface LiteRt {
  loadLiteRt(folder: string): Promise<unknown>;
  loadAndCompile(file: Uint8Array, options: { readonly accelerator: 'wasm' }): Promise<CompiledModel>;
  supportsFeature(feature: 'relaxedSimd'): Promise<boolean>;
  readonly Tensor: new (data: Float32Array, shape: readonly number[]) => Tensor;
}

interface Tensor {
  data(): Promise<Float32Array>;
  delete(): void;
}

interface CompiledModel {
  getOutputDetails(): readonly { readonly name: string }[];
  run(inputs: readonly Tensor[]): Promise<readonly Tensor[]>;
  delete(): void;
}

/** Imported by a name that the type check does not see; the page's bundle is `litert-core.js`. */
function importLiteRt(kind: Platform['kind']): Promise<LiteRt> {
  const name: string = kind === 'browser' ? '/litert-core.js' : '@litertjs/core';
  return import(name);
}

/** It is made for pages: in Node it gets the path of its folder, and what it expects of a worker. */
async function start(kind: Platform['kind'], { loadLiteRt }: LiteRt): Promise<void> {
  if (kind === 'browser') {
    await loadLiteRt('/litert/');
    return;
  }
  const [{ createRequire }, { readFileSync }, { dirname }, { compileFunction }] = [
    process.getBuiltinModule('node:module'),
    process.getBuiltinModule('node:fs'),
    process.getBuiltinModule('node:path'),
    process.getBuiltinModule('node:vm'),
  ];
  const require = createRequire(import.meta.url);
  // Its script is a CommonJS module, in a package whose modules are not: `require` cannot load it.
  const importScripts = (file: string) => {
    const module = { exports: {} };
    const names = ['module', 'exports', 'require', '__filename', '__dirname'];
    const script = compileFunction(readFileSync(file, 'utf8'), names, { filename: file });
    script(module, module.exports, require, file, dirname(file));
    Object.assign(globalThis, { ModuleFactory: module.exports });
  };
  Object.assign(globalThis, { self: globalThis, importScripts });
  await loadLiteRt(require.resolve('@litertjs/core').replace(/dist[\\/]index\.js$/, 'wasm/'));
}

/** A model of LiteRT, which runs on one thread: its threads are for pages only. */
export interface LiteRtModel {
  readonly code: string;
  /** The outputs by their names. */
  run(x: Float32Array, shape: readonly number[]): Promise<ReadonlyMap<string, Float32Array>>;
  dispose(): void;
}

/** Starts LiteRT, once in a process, on a TFLite file. */
export async function openLiteRt(kind: Platform['kind'], file: Uint8Array): Promise<LiteRtModel> {
  const library = await importLiteRt(kind);
  await start(kind, library);
  const model = await library.loadAndCompile(file, { accelerator: 'wasm' });
  const names = model.getOutputDetails().map(({ name }) => name);
  return {
    code: wasmCode(await library.supportsFeature('relaxedSimd')),
    async run(x, shape) {
      const input = new library.Tensor(x, shape);
      const outputs = await model.run([input]);
      const values = await Promise.all(outputs.map((output) => output.data()));
      for (const tensor of [input, ...outputs]) tensor.delete();
      return new Map(names.map((name, i) => [name, values[i]!]));
    },
    dispose: () => model.delete(),
  };
}

export const litert: Side = {
  async open(graph, { batch, threads, drawn, platform }) {
    if (drawn) throw new Error(`litert: ${graph.name} has no file`);
    if (threads !== 1) throw new Error('litert: its threads are for pages only');
    const file = await platform.read(`${graph.name}.batch${batch}.tflite`);
    const { code, run, dispose } = await openLiteRt(platform.kind, file);
    let input = new Float32Array(0);
    return {
      ...{ info: 'XNNPACK, 1 thread', code, dispose },
      input(x) {
        input = x;
      },
      async forward() {
        const values = await run(input, [batch, ...graph.input]);
        return graph.outputs.map((name) => values.get(name)!);
      },
    };
  },
};
