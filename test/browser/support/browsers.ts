/** Real browsers for tests: Debian's chromium and firefox-esr. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import puppeteer, { type Browser as FirefoxBrowser } from 'puppeteer-core';
import { requirePresent } from '../../support/present.ts';

const paths = {
  chromium: process.env['CHAINGRAD_CHROMIUM'] ?? '/usr/bin/chromium',
  firefox: process.env['CHAINGRAD_FIREFOX'] ?? '/usr/bin/firefox-esr',
} as const;

/** Skips the tests of a `before` hook without this browser; in the verification of the whole they fail. */
export const requireBrowser = (name: keyof typeof paths, context: Mocha.Context): void =>
  requirePresent(existsSync(paths[name]), `the browser ${paths[name]}`, context);

/** Headless Chromium; its WebGPU, where it shall have one, is computed on the CPU by SwiftShader. */
export const startChromium = (args: readonly string[] = [], webgpu = true): Promise<Browser> =>
  chromium.launch({
    executablePath: paths.chromium,
    args: [
      '--no-sandbox',
      '--disable-quic',
      ...(webgpu ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'] : []),
      ...args,
    ],
  });

/** @param prefs as on about:config. */
export const startFirefox = (prefs: Readonly<Record<string, unknown>> = {}): Promise<FirefoxBrowser> =>
  puppeteer.launch({
    browser: 'firefox',
    executablePath: paths.firefox,
    headless: true,
    extraPrefsFirefox: { ...prefs },
  });
