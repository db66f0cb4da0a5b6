/* A bonus over TLS: the page opens without a network. Nothing depends on it.

   Pages and files come from the network while there is one, so nobody works with yesterday's page;
   the copy is only for dead spots. Scans never pass here: the page's own queue sends
   them. */

const CACHE = "bincard-hand-1";
const KEPT = /^\/(hand$|hand\/messages|static\/(handheld|shared)\/)/;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const isOurs = url.origin === location.origin && KEPT.test(url.pathname);
  if (event.request.method === "GET" && isOurs) event.respondWith(freshOrKept(event.request));
});

async function freshOrKept(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const copy = await cache.match(request, { ignoreSearch: true });
    if (copy) return copy;
    throw error;
  }
}
