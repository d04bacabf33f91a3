// A recognizer in a worker, so that the page is never blocked.

import { Export } from "./bundle.js";

/** Return the URL of a folder relative to the page; ends in "/". */
function folder(url) {
  return new URL(String(url).replace(/\/?$/, "/"), document.baseURI).href;
}

/**
 * Return the names of the models in a folder of assets, the default one first.
 *
 * @param {string} assets URL of the folder, relative to the page.
 */
export async function modelNames(assets) {
  return (await Export.open(folder(assets))).models.map((model) => model.name);
}

/** Recognizes the expressions of faces in a worker. Calls are processed one after another. */
export class WorkerRecognizer {
  /**
   * Start a worker, load a model in it and warm it up.
   *
   * @param {object} options
   * @param {string} options.assets URL, relative to the page, of a copy of the package's folder `assets`.
   * @param {string} [options.models] URL of another export of `fer-convert --android`; by default `assets`.
   * @param {string} [options.model] Name of a model; by default the first of `modelNames`.
   * @param {"wasm" | "webgpu"} [options.accelerator]
   * @param {object} [options.tracking] Replaces values of `TRACKING`.
   * @param {object} [options.smoothing] Replaces values of `SMOOTHING`.
   * @param {object} [options.changes] Replaces values of `CHANGES`.
   * @throws {Error} If a file is missing or modified, or the accelerator is missing. There is no fallback.
   */
  static async open({ assets, models = assets, accelerator = "wasm", ...options } = {}) {
    if (assets === undefined) {
      throw new Error("assets must be the URL of a copy of the package's folder assets");
    }
    const recognizer = new WorkerRecognizer(
      new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
    const wanted = { ...options, assets: folder(assets), models: folder(models), accelerator };
    try {
      const { result } = await recognizer.call("open", [wanted]);
      return Object.assign(recognizer, result, { accelerator });
    } catch (error) {
      recognizer.close();
      throw error;
    }
  }

  constructor(worker) {
    this.worker = worker;
    this.pending = new Map();
    this.sent = 0;
    worker.addEventListener("message", ({ data: { id, result, error, image } }) => {
      const { resolve, reject } = this.pending.get(id);
      this.pending.delete(id);
      if (error === undefined) resolve({ result, image });
      else reject(Object.assign(new Error(error), { image }));
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.fail(`the recognizer's worker failed: ${event.message ?? "its script cannot be loaded"}`);
    });
  }

  /**
   * Recognize the faces of a photo.
   *
   * @param {ImageBitmap | ImageData} image A bitmap is moved to the worker and comes back as `image`.
   * @returns {Promise<{faces: object[], ms: {detect: number, classify: number, total: number},
   *   image: ImageBitmap | undefined}>} `ms` is the time in the worker, without that of reading the image.
   */
  async recognize(image) {
    const { result, image: returned } = await this.call("recognize", [image]);
    return { ...result, image: returned };
  }

  /**
   * Recognize the next frame of a stream: faces have ids, and labels and probabilities are smoothed.
   *
   * @param {ImageBitmap | ImageData} image As in `recognize`.
   * @param {number} timeS When the frame was taken, in seconds; not before the previous frame.
   */
  async recognizeFrame(image, timeS) {
    const { result, image: returned } = await this.call("recognizeFrame", [image, timeS]);
    return { ...result, image: returned };
  }

  /**
   * Measure the resting faces in the stream from the next frame on. They stay in the worker's memory.
   *
   * @param {number} seconds Above 0, at most 60.
   */
  async measureBaseline(seconds = 3) {
    await this.call("measureBaseline", [seconds]);
  }

  /** Forget all faces and baselines: the next frame is the first of a new stream. */
  async reset() {
    await this.call("reset", []);
  }

  /** Return the size of the WebAssembly memory in bytes. */
  async memoryBytes() {
    return (await this.call("memoryBytes", [])).result;
  }

  /** End the worker and free its memory; may be called twice. Pending calls fail. */
  close() {
    this.worker.terminate();
    this.fail("the recognizer is closed");
  }

  call(name, values) {
    if (this.failure) return Promise.reject(new Error(this.failure));
    const id = ++this.sent;
    const transfer = values[0] instanceof ImageBitmap ? [values[0]] : [];
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.worker.postMessage({ id, name, values }, transfer);
    });
  }

  fail(message) {
    this.failure ??= message;
    for (const { reject } of this.pending.values()) reject(new Error(this.failure));
    this.pending.clear();
  }
}
