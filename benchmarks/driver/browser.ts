/** Runs a measurement in a page of a browser started for it. */
import { existsSync } from 'node:fs';
import type { Job } from '../measure.ts';
import { isOnGpu } from '../sides/side.ts';
import type { PageMeasurement } from '../web/page.ts';
import type { Ran } from './node-process.ts';

const candidates = {
  chromium: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
  firefox: ['/usr/bin/firefox-esr', '/usr/bin/firefox'],
} as const;

/** Chromium's WebGPU is behind a flag on Linux, and finds a GPU through Vulkan. */
const gpuFlags = ({ softwareGpu }: Job) => [
  '--enable-unsafe-webgpu',
  softwareGpu === true ? '--use-webgpu-adapter=swiftshader' : '--enable-features=Vulkan',
];

const flagsOf = (job: Job) => [
  ...['--no-sandbox', '--disable-quic'],
  ...(isOnGpu(job.side) ? gpuFlags(job) : []),
];

export type Browser = keyof typeof candidates;

/** The program of a browser, from CHROMIUM or FIREFOX in the environment or where Debian puts it; null without one. */
export function browserBinary(browser: Browser): string | null {
  const given = process.env[browser.toUpperCase()];
  return [...(given ? [given] : []), ...candidates[browser]].find((path) => existsSync(path)) ?? null;
}

/** @throws Error with the page's error. */
export async function runInBrowser(browser: Browser, binary: string, url: string, job: Job): Promise<Ran> {
  const { default: puppeteer } = await import('puppeteer-core');
  const instance = await puppeteer.launch({
    browser: browser === 'firefox' ? 'firefox' : 'chrome',
    executablePath: binary,
    headless: true,
    args: browser === 'firefox' ? [] : flagsOf(job),
    protocolTimeout: 600_000,
  });
  try {
    const page = await instance.newPage();
    await page.goto(url);
    const { outputs, ...result } = await page.evaluate(
      (one: Job): Promise<PageMeasurement> => globalThis.measureJob(one),
      job,
    );
    return {
      result: { ...result, engine: await instance.version() },
      outputs: (outputs ?? []).map((text) => {
        const bytes = Buffer.from(text, 'base64');
        return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
      }),
    };
  } finally {
    await instance.close();
  }
}
