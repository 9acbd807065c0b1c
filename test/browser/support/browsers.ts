/** Real browsers for tests: Debian's chromium and firefox-esr. An absent one is skipped, or fails where it must be present. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import puppeteer, { type Browser as FirefoxBrowser } from 'puppeteer-core';

const paths = {
  chromium: process.env['CHAINGRAD_CHROMIUM'] ?? '/usr/bin/chromium',
  firefox: process.env['CHAINGRAD_FIREFOX'] ?? '/usr/bin/firefox-esr',
} as const;

/** Skips the tests of a `before` hook without this browser; with CHAINGRAD_REQUIRE_BACKENDS=1 they fail. */
export function requireBrowser(name: keyof typeof paths, context: Mocha.Context): void {
  if (existsSync(paths[name])) return;
  if (process.env['CHAINGRAD_REQUIRE_BACKENDS'] === '1')
    throw new Error(`${name} is not installed: there is no ${paths[name]}.`);
  context.skip();
}

/** Headless Chromium, whose WebGPU is computed on the CPU by SwiftShader. */
export const startChromium = (args: readonly string[] = []): Promise<Browser> =>
  chromium.launch({
    executablePath: paths.chromium,
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      ...args,
    ],
  });

export const startFirefox = (): Promise<FirefoxBrowser> =>
  puppeteer.launch({ browser: 'firefox', executablePath: paths.firefox, headless: true });
