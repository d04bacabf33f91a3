// Fetches from the network first; without a network, responds from the cache. build.mjs fills in VERSION and
// SHELL, the files without models and WebAssembly; those are kept when they are loaded.

const VERSION = "";
const SHELL = [];
const SHELL_CACHE = `fer-sdk-web-shell-${VERSION}`;
const ASSET_CACHE = "fer-sdk-web-assets";

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(SHELL_CACHE).then((cache) => cache.addAll(SHELL)));
});

self.addEventListener("activate", (event) => event.waitUntil(activate()));

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith("fer-sdk-web") && ![SHELL_CACHE, ASSET_CACHE].includes(name)) {
      await caches.delete(name);
    }
  }
  await self.clients.claim();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && new URL(request.url).origin === self.location.origin) {
    event.respondWith(networkFirst(request));
  }
});

async function networkFirst(request) {
  let response;
  try {
    response = await fetch(request);
  } catch (error) {
    const cached = await caches.match(request, { ignoreSearch: true });
    if (cached) return cached;
    throw error;
  }
  const isAsset = /\/fer\/assets\/(models|detector|wasm)\//.test(request.url);
  if (response.ok && isAsset) await keep(request, response.clone());
  return response;
}

/** Keep a file before the page gets it, so that the page can tell which models are kept. */
async function keep(request, response) {
  try {
    await (await caches.open(ASSET_CACHE)).put(request, response);
  } catch (error) {
    console.warn(`${request.url} is not available offline: ${error.message}`); // the storage is full
  }
}
