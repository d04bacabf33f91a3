// Finds faces in an image and classifies their expressions.

import { Engine } from "./engine.js";
import { expressionOf } from "./expression.js";
import { Sampler } from "./preprocess.js";
import { FER2013_CROP, faceQuality } from "./quality.js";
import { YuNet } from "./yunet.js";

const WARM_UP_ROUNDS = 6;

/** Face detector and expression classifier in one. Buffers are reused. */
export class Recognizer {
  /**
   * Load the detector and a classifier, and run both until their time no longer falls.
   *
   * @param {Export} files An export of `fer-convert --android`.
   * @param {object} model One of `files.models`.
   * @param {"wasm" | "webgpu"} accelerator
   * @param {string} wasm URL of the folder of LiteRT's WebAssembly files, ends in "/".
   */
  static async open(files, model, accelerator, wasm) {
    const sidecar = await files.sidecar(model);
    const compiled = async (file) => Engine.compile(await files.bytes(file), accelerator, wasm);
    const network = await compiled(files.manifest.detector);
    try {
      const detector = new YuNet(network, await files.detectorSidecar());
      const recognizer = new Recognizer(detector, await compiled(model.file), sidecar);
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
    this.qualitySampler = new Sampler(FER2013_CROP.width, FER2013_CROP.height);
    this.qualityCrop = new Uint8Array(FER2013_CROP.width * FER2013_CROP.height);
  }

  /** Recognize a grey image several times: the first runs compile code and allocate memory. */
  async warmUp() {
    const [width, height] = [640, 480];
    const image = { data: new Uint8ClampedArray(4 * width * height).fill(128), width, height };
    const face = { right_eye: [290, 200], left_eye: [350, 200], nose: [320, 230], mouth: [320, 260] };
    for (let round = 0; round < WARM_UP_ROUNDS; round++) {
      await this.detector.detect(image);
      await this.describe(image, face);
    }
  }

  /**
   * Recognize the expressions of all faces in an image.
   *
   * @param {{data, width, height}} image With RGBA bytes.
   * @returns {Promise<{faces: object[], ms: {detect: number, classify: number, total: number}}>}
   *   Each face with its box, points, label, confidence, uncertain, probabilities and quality.
   */
  async recognize(image) {
    const start = performance.now();
    const found = await this.detector.detect(image);
    const middle = performance.now();
    const faces = [];
    for (const face of found) faces.push({ ...face, ...(await this.describe(image, face)) });
    const end = performance.now();
    return { faces, ms: { detect: middle - start, classify: end - middle, total: end - start } };
  }

  /** Return the expression and the image quality of a face. */
  async describe(image, face) {
    this.sampler.crop(image, this.sidecar.input.crop, face, this.crop);
    this.input.set(this.crop);
    const [logits] = await this.classifier.run(this.input);
    this.qualitySampler.crop(image, FER2013_CROP, face, this.qualityCrop);
    return { ...expressionOf(logits, this.sidecar), quality: faceQuality(this.qualityCrop, face) };
  }

  /** Free both models; may be called twice. */
  close() {
    this.detector.close();
    this.classifier.close();
  }
}
