// Runs the JavaScript modules on the golden files and returns {case: largest difference}.

import * as blazeface from "/android_demo/web/fer/blazeface.js";
import { Export, RESIZE, SIDECAR_SCHEMA } from "/android_demo/web/fer/bundle.js";
import { Sampler } from "/android_demo/web/fer/preprocess.js";

const { ANCHORS, decode, Letterbox, sigmoid } = blazeface;

const GOLDEN = "/tests/golden/";
const json = async (name) => (await fetch(GOLDEN + name)).json();

async function picture(name) {
  const path = name === "photo" ? "/examples/eileen_collins.png" : `${GOLDEN}${name}`;
  const bitmap = await createImageBitmap(await (await fetch(path)).blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

const source = (name) => picture(name === "photo" ? name : `source-${name}.png`);

function largest(given, wanted) {
  if (given.length !== wanted.length) return Infinity;
  return wanted.reduce((most, value, k) => Math.max(most, Math.abs(value - given[k])), 0);
}

const channel = (image, k) => Array.from({ length: image.data.length / 4 }, (_, i) => image.data[4 * i + k]);

/** Return [JavaScript's value, the golden value] of each default setting. */
export async function defaults() {
  const golden = await json("defaults.json");
  const files = await Export.open("/android_demo/web/export/");
  const [first] = files.models;
  const { color, ...input } = (await files.sidecar(first)).input;
  return {
    model: [first.name, golden.model],
    color: [color, "grey"],
    input: [input, golden.input],
    resize: [RESIZE, golden.input.resize],
    sidecar_schema: [SIDECAR_SCHEMA, golden.sidecar.schema],
    detector: [files.manifest.detector, `detector/${golden.blazeface.file}`],
    side: [blazeface.SIDE, golden.blazeface.side],
    anchors: [blazeface.ANCHORS, golden.blazeface.anchors],
    min_score: [blazeface.MIN_SCORE, golden.blazeface.min_score],
    min_overlap: [blazeface.MIN_OVERLAP, golden.blazeface.min_overlap],
    score_clip: [blazeface.SCORE_CLIP, golden.blazeface.score_clip],
  };
}

export async function preprocess() {
  const { cases } = await json("preprocess.json");
  const { width, height, crop } = (await json("defaults.json")).input;
  const sampler = new Sampler(width, height);
  const differences = {};
  for (const item of cases) {
    const image = await source(item.source);
    const given = item.kind === "crop" ? sampler.crop(image, crop, item) : sampler.resize(image);
    differences[item.expected] = largest(given, channel(await picture(item.expected), 0));
  }
  return differences;
}

export async function letterboxes() {
  const differences = {};
  const box = new Letterbox();
  for (const item of (await json("blazeface.json")).letterboxes) {
    box.fill(await source(item.source));
    const expected = await picture(item.expected);
    differences[item.expected] = Math.max(...[0, 1, 2].map((k) =>
      largest(box.pixels.filter((_, i) => i % 3 === k), channel(expected, k))));
  }
  return differences;
}

export async function faces() {
  const text = await json("blazeface.json");
  const { width, height, crop } = (await json("defaults.json")).input;
  const sampler = new Sampler(width, height);
  const differences = { sigmoid: largest(text.sigmoid.x.map(sigmoid), text.sigmoid.y) };
  for (const prediction of text.predictions) {
    const places = new Float32Array(ANCHORS * 16);
    const logits = new Float32Array(ANCHORS).fill(text.background);
    prediction.anchors.forEach((anchor, k) => {
      places.set(prediction.places[k], anchor * 16);
      logits[anchor] = prediction.logits[k];
    });
    const image = await source(prediction.source);
    const box = new Letterbox();
    box.fill(image);
    const found = decode(places, logits, box, text.min_score);
    const numbers = (face) => [
      ...face.box_xyxy, face.score, ...face.right_eye, ...face.left_eye, ...face.nose, ...face.mouth];
    differences[prediction.name] = largest(found.flatMap(numbers), prediction.faces.flatMap(numbers));
    for (const [k, name] of prediction.crops.entries()) {
      const given = sampler.crop(image, crop, found[k]);
      differences[name] = largest(given, channel(await picture(name), 0));
    }
  }
  return differences;
}

/** Compare the probabilities of the golden logits under each prior. */
export async function priors() {
  const { expressionOf } = await import("/android_demo/web/fer/recognizer.js");
  const { priorOf } = await import("/android_demo/web/fer/prior.js");
  const golden = await json("prior.json");
  const differences = {};
  for (const { prior, probabilities } of golden.cases) {
    const name = typeof prior === "string" ? prior : "shares";
    differences[name] = Math.max(...golden.logits.map((logits, row) =>
      largest(expressionOf(logits, golden, priorOf(golden, prior)).probabilities, probabilities[row])));
  }
  const byDefault = expressionOf(golden.logits[0], golden).probabilities;
  const everyday = golden.cases.find((item) => item.prior === golden.default_prior);
  differences.default = largest(byDefault, everyday.probabilities[0]);
  return differences;
}

/** Compare the probabilities of each exported model with Python's for the first `count` faces. */
export async function predictions(accelerator, count) {
  const { Engine } = await import("/android_demo/web/fer/engine.js");
  const { expressionOf } = await import("/android_demo/web/fer/recognizer.js");
  const files = await Export.open("/android_demo/web/export/");
  const { golden } = files.manifest;
  const faces = await files.bytes(golden.faces);
  const wanted = JSON.parse(new TextDecoder().decode(await files.bytes(golden.predictions)));
  const size = golden.shape[1] * golden.shape[2];
  const results = {};
  for (const model of files.models) {
    const sidecar = await files.sidecar(model);
    const engine = await Engine.compile(await files.bytes(model.file), accelerator);
    let difference = 0, agreed = 0;
    for (let k = 0; k < count; k++) {
      const [logits] = await engine.run(Float32Array.from(faces.subarray(k * size, (k + 1) * size)));
      const { probabilities, label } = expressionOf(logits, sidecar);
      const expected = wanted[model.file][k];
      difference = Math.max(difference, largest(probabilities, expected));
      agreed += label === sidecar.labels[expected.indexOf(Math.max(...expected))];
    }
    engine.close();
    engine.close(); // the second call must be harmless
    results[model.name] = { precision: model.precision, difference, agreed };
  }
  return results;
}
