/** A registry of npm on this machine that has this repository's packages as they would be published, and sends elsewhere for others. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';

/** A packed package: the result of scripts/pack.mjs. */
export interface Packed {
  readonly name: string;
  readonly version: string;
  readonly tarball: string;
  readonly manifest: object;
}

export interface Registry {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts it on a free port. @param upstream the registry of all other packages. */
export async function startRegistry(packages: readonly Packed[], upstream: string): Promise<Registry> {
  const answers = new Map<string, Uint8Array | object>();
  const server = createServer((request, response) => {
    const answer = answers.get(decodeURIComponent(request.url!));
    if (answer === undefined) {
      response.writeHead(302, { location: new URL(request.url!.slice(1), upstream).href }).end();
    } else if (answer instanceof Uint8Array) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(answer);
    } else {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const url = `http://localhost:${(server.address() as AddressInfo).port}/`;
  for (const { name, version, tarball, manifest } of packages) {
    const bytes = await readFile(tarball);
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
    const dist = { tarball: `${url}-/${basename(tarball)}`, integrity };
    answers.set(`/-/${basename(tarball)}`, bytes);
    answers.set(`/${name}`, {
      name,
      'dist-tags': { latest: version },
      versions: { [version]: { ...manifest, dist } },
    });
  }
  return {
    url,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
