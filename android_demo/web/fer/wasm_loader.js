// Loads LiteRT's WebAssembly module in a page or in a worker. build.mjs puts this in the place of
// @litertjs/wasm-utils, which needs importScripts; workers that are ES modules have none.

/**
 * Load a WebAssembly module.
 *
 * @param {Function} Library Class that wraps the module.
 * @param {string} script URL of the module's script, to which build.mjs has added a default export.
 */
export async function createWasmLib(Library, script) {
  const url = String(script);
  let factory;
  try {
    ({ default: factory } = await import(/* @vite-ignore */ /* webpackIgnore: true */ url));
  } catch (error) {
    throw new Error(`${url} cannot be loaded (${error.message}): it is needed to run models`);
  }
  return new Library(await factory({ locateFile: (name) => new URL(name, url).href }));
}
