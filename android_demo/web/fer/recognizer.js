// An image in, faces with expressions out.

import { decode, Letterbox } from "./blazeface.js";
import { Engine } from "./engine.js";
import { Sampler } from "./preprocess.js";

/** Finds the faces of an image and says what they express; its buffers are made once. */
export class Recognizer {
  /**
   * Open detector and classifier.
   *
   * @param {Export} files What `fer-convert --android` wrote.
   * @param {object} model One of `files.models`.
   * @param {"wasm" | "webgpu"} accelerator
   */
  static async open(files, model, accelerator) {
    const sidecar = await files.sidecar(model);
    const detector = await Engine.compile(await files.bytes(files.manifest.detector), accelerator);
    try {
      const classifier = await Engine.compile(await files.bytes(model.file), accelerator);
      const recognizer = new Recognizer(detector, classifier, sidecar);
      await recognizer.warmUp();
      return recognizer;
    } catch (error) {
      detector.close();
      throw error;
    }
  }

  constructor(detector, classifier, sidecar) {
    this.detector = detector;
    this.classifier = classifier;
    this.sidecar = sidecar;
    const { width, height } = sidecar.input;
    this.letterbox = new Letterbox();
    this.sampler = new Sampler(width, height);
    this.crop = new Uint8Array(width * height);
    this.input = new Float32Array(width * height);
  }

  /** Run both networks once: the first run builds what later ones reuse. */
  async warmUp() {
    await this.detector.run(this.letterbox.tensor);
    await this.classifier.run(this.input);
  }

  /**
   * @param {{data, width, height}} image RGBA bytes.
   * @returns {Promise<{faces: object[], ms: {detect: number, classify: number, total: number}}>}
   *   Each face with its box, points, label, confidence, uncertain and probabilities.
   */
  async recognize(image) {
    const start = performance.now();
    this.letterbox.fill(image);
    const answers = await this.detector.run(this.letterbox.tensor);
    const at = (numbers) => this.detector.outputs.findIndex((shape) => shape.at(-1) === numbers);
    const found = decode(answers[at(16)], answers[at(1)], this.letterbox);
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

/** Turn logits into a label and calibrated probabilities, as the sidecar says. */
export function expressionOf(logits, { labels, temperature, uncertain_below }) {
  const scaled = Array.from(logits, (logit) => logit / temperature);
  const highest = Math.max(...scaled);
  const powers = scaled.map((number) => Math.exp(number - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  const probabilities = powers.map((power) => power / sum);
  if (!Number.isFinite(sum)) {
    throw new Error("the classifier's answer is not finite: try another accelerator");
  }
  const best = probabilities.indexOf(Math.max(...probabilities));
  const confidence = probabilities[best];
  return {
    label: labels[best], confidence, uncertain: confidence < uncertain_below, probabilities,
  };
}
