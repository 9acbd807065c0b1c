/** Keeps every file of this version, so that the page works without a network. Nothing else is ever fetched. */

/** Filled in by the build. */
declare const VERSION: string;
declare const FILES: readonly string[];

const scope = globalThis as unknown as ServiceWorkerLike;

interface ExtendableEventLike extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEventLike extends ExtendableEventLike {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface ServiceWorkerLike {
  readonly clients: { claim(): Promise<void> };
  readonly location: Location;
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEventLike) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEventLike) => void): void;
  skipWaiting(): Promise<void>;
}

const cacheName = `studio-${VERSION}`;
/** The worker keeps the detector's weights there. */
const weightsCache = 'studio-weights';

scope.addEventListener('install', (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(cacheName);
      await cache.addAll([...FILES]);
      await scope.skipWaiting();
    })(),
  );
});

scope.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      for (const other of await caches.keys())
        if (other !== cacheName && other !== weightsCache) await caches.delete(other);
      await scope.clients.claim();
    })(),
  );
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== scope.location.origin) return;
  event.respondWith(
    (async () => {
      const cache = await caches.open(cacheName);
      const path = request.mode === 'navigate' ? './' : request.url;
      // A part of a file cannot be answered from the cache as such: the whole is, which every reader here takes.
      return (await cache.match(path)) ?? fetch(request);
    })(),
  );
});

export {};
