/** Loaded before every test file: a software GPU for WebGPU in Node where the machine has no other. */
import { existsSync } from 'node:fs';

const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (existsSync(swiftshader)) process.env['VK_ICD_FILENAMES'] ??= swiftshader;
process.env['XDG_RUNTIME_DIR'] ??= '/tmp';
process.env['VK_LOADER_LAYERS_DISABLE'] ??= '~implicit~';
