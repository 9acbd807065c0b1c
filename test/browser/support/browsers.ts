/** Real browsers for tests: Debian's chromium and firefox-esr. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import puppeteer, { type Browser as FirefoxBrowser } from 'puppeteer-core';
import { HANG } from '../../support/hang.ts';
import { requirePresent } from '../../support/present.ts';

const paths = {
  chromium: process.env['CHAINGRAD_CHROMIUM'] ?? '/usr/bin/chromium',
  firefox: process.env['CHAINGRAD_FIREFOX'] ?? '/usr/bin/firefox-esr',
} as const;

/** Skips the tests of a `before` hook without this browser; in the verification of the whole they fail. */
export const requireBrowser = (name: keyof typeof paths, context: Mocha.Context): void =>
  requirePresent(existsSync(paths[name]), `the browser ${paths[name]}`, context);

/** Headless Chromium; its WebGPU, where it shall have one, is computed on the CPU by SwiftShader. Its pages wait for all that does not hang. */
export async function startChromium(args: readonly string[] = [], webgpu = true): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: paths.chromium,
    args: [
      '--no-sandbox',
      '--disable-quic',
      ...(webgpu ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'] : []),
      ...args,
    ],
  });
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    context.setDefaultTimeout(HANG);
    return context;
  };
  return browser;
}

/**
 * Headless Firefox, whose pages wait for all that does not hang.
 *
 * @param prefs as on about:config.
 */
export async function startFirefox(prefs: Readonly<Record<string, unknown>> = {}): Promise<FirefoxBrowser> {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: paths.firefox,
    headless: true,
    extraPrefsFirefox: { ...prefs },
    protocolTimeout: HANG,
  });
  const newPage = browser.newPage.bind(browser);
  browser.newPage = async (options) => {
    const page = await newPage(options);
    page.setDefaultTimeout(HANG);
    return page;
  };
  return browser;
}
