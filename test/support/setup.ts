/** Loaded before every test file: a software GPU for WebGPU in Node where the machine has no other, and a watch over the end. */
import { existsSync } from 'node:fs';
import { endByItself } from './open-handles.ts';

const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (existsSync(swiftshader)) process.env['VK_ICD_FILENAMES'] ??= swiftshader;
process.env['XDG_RUNTIME_DIR'] ??= '/tmp';
process.env['VK_LOADER_LAYERS_DISABLE'] ??= '~implicit~';

export const mochaHooks = { afterAll: endByItself };
