/** The studio of examples/web, built once for all tests that use it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Locator, Page } from 'playwright-core';
import { buildStudio } from '../../../examples/web/build.ts';
import { studioHeaders } from '../../../examples/web/serve.ts';
import { type StaticServer, startServer } from '../../../examples/web/server.ts';

export const picture = (name: string): string =>
  fileURLToPath(new URL(`../../../examples/images/${name}.png`, import.meta.url));

let built: Promise<{ folder: string; files: string[] }> | null = null;

/** The built studio; removed when the process ends its tests. */
export function builtStudio(): Promise<{ folder: string; files: string[] }> {
  built ??= (async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaingrad-studio-'));
    return { folder, files: await buildStudio(folder) };
  })();
  return built;
}

/** Registers the removal of the built studio with a suite. */
export function removeStudio(): void {
  after(async () => {
    const studio = await built;
    built = null;
    if (studio !== null) await rm(studio.folder, { recursive: true });
  });
}

export async function serveStudio(): Promise<StaticServer> {
  const { folder } = await builtStudio();
  return startServer({ '/': folder }, { headers: await studioHeaders(folder) });
}

/** Opens the studio and waits until it can be used. */
export async function openStudio(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForSelector('html[data-ready]');
}

/** Waits until an element says something. */
export const said = (page: Page, selector: string, pattern: RegExp): Promise<unknown> =>
  page.waitForFunction(
    ([place, source]) => new RegExp(source!).test(document.querySelector(place!)!.textContent!),
    [selector, pattern.source],
  );

/** Clicks what hands out a file, and reads it. */
export async function saved(page: Page, button: string | Locator): Promise<Uint8Array<ArrayBuffer>> {
  const click = typeof button === 'string' ? page.click(button) : button.click();
  const [download] = await Promise.all([page.waitForEvent('download'), click]);
  return new Uint8Array(await readFile(await download.path()));
}

/** Where a place of the picture in the editor is on the screen, whole picture in view. */
export async function editorPlace(
  page: Page,
  [width, height]: readonly [number, number],
): Promise<(x: number, y: number) => [number, number]> {
  await page.waitForSelector('#editor:visible');
  await page.locator('#editor').scrollIntoViewIfNeeded();
  const box = (await page.locator('#editor').boundingBox())!;
  const scale = Math.min(box.width / width, box.height / height);
  return (x, y) => [
    box.x + box.width / 2 + (x - width / 2) * scale,
    box.y + box.height / 2 + (y - height / 2) * scale,
  ];
}

/** Draws a box with the mouse. */
export async function drag(
  page: Page,
  from: readonly [number, number],
  to: readonly [number, number],
): Promise<void> {
  await page.mouse.move(...from);
  await page.mouse.down();
  await page.mouse.move(...to, { steps: 4 });
  await page.mouse.up();
}
