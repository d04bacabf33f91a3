// Finds faces in an image and classifies their expressions.

import { Engine } from "./engine.js";
import { expressionOf } from "./expression.js";
import { Sampler } from "./preprocess.js";
import { YuNet } from "./yunet.js";

/** Face detector and expression classifier in one. Buffers are reused. */
export class Recognizer {
  /**
   * Load the detector and a classifier.
   *
   * @param {Export} files An export of `fer-convert --android`.
   * @param {object} model One of `files.models`.
   * @param {"wasm" | "webgpu"} accelerator
   */
  static async open(files, model, accelerator) {
    const sidecar = await files.sidecar(model);
    const network = await Engine.compile(await files.bytes(files.manifest.detector), accelerator);
    try {
      const detector = new YuNet(network, await files.detectorSidecar());
      const classifier = await Engine.compile(await files.bytes(model.file), accelerator);
      const recognizer = new Recognizer(detector, classifier, sidecar);
      await recognizer.warmUp();
      return recognizer;
    } catch (error) {
      network.close();
      throw error;
    }
  }

  constructor(detector, classifier, sidecar) {
    this.detector = detector;
    this.classifier = classifier;
    this.sidecar = sidecar;
    const { width, height } = sidecar.input;
    this.sampler = new Sampler(width, height);
    this.crop = new Uint8Array(width * height);
    this.input = new Float32Array(width * height);
  }

  /** Run both networks once, because the first run compiles and allocates. */
  async warmUp() {
    await this.detector.warmUp();
    await this.classifier.run(this.input);
  }

  /**
   * Recognize the expressions of all faces in an image.
   *
   * @param {{data, width, height}} image With RGBA bytes.
   * @returns {Promise<{faces: object[], ms: {detect: number, classify: number, total: number}}>}
   *   Each face with its box, points, label, confidence, uncertain and probabilities.
   */
  async recognize(image) {
    const start = performance.now();
    const found = await this.detector.detect(image);
    const middle = performance.now();
    const faces = [];
    for (const face of found) faces.push({ ...face, ...(await this.expression(image, face)) });
    const end = performance.now();
    return { faces, ms: { detect: middle - start, classify: end - middle, total: end - start } };
  }

  async expression(image, face) {
    this.sampler.crop(image, this.sidecar.input.crop, face, this.crop);
    this.input.set(this.crop);
    const [logits] = await this.classifier.run(this.input);
    return expressionOf(logits, this.sidecar);
  }

  /** Free both models; may be called twice. */
  close() {
    this.detector.close();
    this.classifier.close();
  }
}
