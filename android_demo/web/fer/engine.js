// Runs models with LiteRT.js on the requested accelerator, without fallback.

import {
  getGlobalLiteRt, getWebGpuDevice, loadAndCompile, loadLiteRt, Tensor,
} from "./litert.js"; // build.mjs copies it from @litertjs/core

let loading;

/**
 * Load the runtime once.
 *
 * @param {string} url Folder of the WebAssembly files, ends in "/".
 */
function runtime(url) {
  loading ??= loadLiteRt(url);
  return loading;
}

/** Return the size of the runtime's memory in bytes. */
export function runtimeBytes() {
  return getGlobalLiteRt().liteRtWasm.HEAPU8.buffer.byteLength;
}

/** A model compiled for "wasm" or "webgpu". */
export class Engine {
  /**
   * Compile a model for an accelerator.
   *
   * @param {Uint8Array} bytes A .tflite file with float input and outputs.
   * @param {"wasm" | "webgpu"} accelerator
   * @param {string} wasm URL of the folder of LiteRT's WebAssembly files, ends in "/".
   * @throws {Error} If the accelerator is missing or supports only a part of the model.
   */
  static async compile(bytes, accelerator, wasm) {
    if (accelerator !== "wasm" && accelerator !== "webgpu") {
      throw new Error(`accelerator must be wasm or webgpu, but is ${accelerator}`);
    }
    if (accelerator === "webgpu" && !navigator.gpu) {
      throw new Error("this browser has no WebGPU: choose CPU");
    }
    await runtime(wasm);
    if (accelerator === "webgpu" && !getWebGpuDevice()) {
      throw new Error("WebGPU found no graphics adapter: choose CPU");
    }
    // float16 activations can overflow; for models of this size float32 is hardly slower.
    const options = { accelerator, gpuOptions: { precision: "fp32" } };
    const model = await loadAndCompile(bytes, options);
    const actual = model.options.accelerator;
    if (actual !== accelerator || (accelerator === "webgpu" && !model.isFullyAccelerated)) {
      model.delete();
      throw new Error("WebGPU supports only a part of this model: choose CPU");
    }
    return new Engine(model, accelerator);
  }

  constructor(model, accelerator) {
    this.model = model;
    this.accelerator = accelerator;
    this.shape = model.getInputDetails()[0].shape;
  }

  /** Run the model; returns each output as a Float32Array, in the model's order. */
  async run(numbers) {
    const input = new Tensor(numbers, this.shape);
    let outputs = [];
    try {
      outputs = await this.model.run(input);
      const read = [];
      for (const output of outputs) read.push(await output.data());
      return read;
    } finally {
      input.delete();
      for (const output of outputs) output.delete();
    }
  }

  /** Free the model; may be called twice. */
  close() {
    this.model?.delete();
    this.model = undefined;
  }
}

/** Return an accelerator's name for display; a software renderer is marked as such. */
export function describe(accelerator) {
  if (accelerator === "wasm") return "CPU (WebAssembly)";
  const { vendor = "", architecture = "", description = "", isFallbackAdapter } =
    getWebGpuDevice().adapterInfo ?? {};
  const name = description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed adapter";
  const software = isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|software/i.test(name);
  return `WebGPU (${name}${software ? ", software renderer" : ""})`;
}
