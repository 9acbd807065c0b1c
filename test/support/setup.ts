/**
 * Loaded before every test file: a software GPU for WebGPU in Node where the machine has no other, the WASM binaries of the
 * sources as they are now, and a watch over the end.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { endByItself } from './open-handles.ts';

const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (existsSync(swiftshader)) process.env['VK_ICD_FILENAMES'] ??= swiftshader;
process.env['XDG_RUNTIME_DIR'] ??= '/tmp';
process.env['VK_LOADER_LAYERS_DISABLE'] ??= '~implicit~';

const build = fileURLToPath(new URL('../../packages/kernels/assembly/build.mjs', import.meta.url));
execFileSync(process.execPath, [build, '--if-changed'], { stdio: 'inherit' });

export const mochaHooks = { afterAll: endByItself };
