// What the page can do without a network: service-worker.js keeps what passes through it.

const ASSET_CACHE = "fer-sdk-web-assets"; // as in service-worker.js

/**
 * Wait until the service worker controls the page, so that it keeps the models that are loaded.
 *
 * @throws {Error} If the browser has none, or the page's files cannot be kept.
 */
export async function controlPage() {
  if (!navigator.serviceWorker) throw new Error("this browser has no service workers here");
  const registration = await navigator.serviceWorker.register("service-worker.js");
  if (!registration) throw new Error("service workers are blocked");
  if (navigator.serviceWorker.controller) return;
  await new Promise((resolve, reject) => {
    navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
    const worker = registration.installing ?? registration.waiting ?? registration.active;
    const refused = () => {
      if (worker.state === "redundant") reject(new Error("the page's files cannot be stored"));
    };
    worker.addEventListener("statechange", refused);
    refused();
    // A page that was reloaded past the service worker gets no controller.
    if (worker.state === "activated") resolve();
  });
}

/** Return the names of the models whose files are kept. */
export async function cachedModels(assets) {
  if (!globalThis.caches) return [];
  const cache = await caches.open(ASSET_CACHE);
  const urls = new Set((await cache.keys()).map(({ url }) => url));
  const base = new URL(assets, document.baseURI);
  const manifest = await (await fetch(new URL("manifest.json", base))).json();
  return manifest.models
    .filter(({ file }) => [file, `${file}.json`].every((name) => urls.has(new URL(name, base).href)))
    .map(({ name }) => name);
}
