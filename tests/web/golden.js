// Runs the page's twins over tests/golden; every function returns {case: largest difference}.

import { ANCHORS, decode, Letterbox, sigmoid } from "/android_demo/web/fer/blazeface.js";
import { Sampler } from "/android_demo/web/fer/preprocess.js";

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

export async function preprocess() {
  const text = await json("preprocess.json");
  const sampler = new Sampler(text.width, text.height);
  const differences = {};
  for (const item of text.cases) {
    const image = await source(item.source);
    const given = item.kind === "crop" ? sampler.crop(image, text.crop, item) : sampler.resize(image);
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
  const crop = await json("preprocess.json");
  const sampler = new Sampler(crop.width, crop.height);
  const differences = { sigmoid: largest(text.sigmoid.x.map(sigmoid), text.sigmoid.y) };
  for (const answer of text.answers) {
    const places = new Float32Array(ANCHORS * 16);
    const logits = new Float32Array(ANCHORS).fill(text.background);
    answer.anchors.forEach((anchor, k) => {
      places.set(answer.places[k], anchor * 16);
      logits[anchor] = answer.logits[k];
    });
    const image = await source(answer.source);
    const box = new Letterbox();
    box.fill(image);
    const found = decode(places, logits, box, text.min_score);
    const numbers = (face) => [
      ...face.box_xyxy, face.score, ...face.right_eye, ...face.left_eye, ...face.nose, ...face.mouth];
    differences[answer.name] = largest(found.flatMap(numbers), answer.faces.flatMap(numbers));
    for (const [k, name] of answer.crops.entries()) {
      const given = sampler.crop(image, crop.crop, found[k]);
      differences[name] = largest(given, channel(await picture(name), 0));
    }
  }
  return differences;
}

/** Return, for each model of the export, how far its probabilities are from Python's. */
export async function answers(accelerator, count) {
  const { Export } = await import("/android_demo/web/fer/bundle.js");
  const { Engine } = await import("/android_demo/web/fer/engine.js");
  const { expressionOf } = await import("/android_demo/web/fer/recognizer.js");
  const files = await Export.open("/android_demo/web/export/");
  const { golden } = files.manifest;
  const faces = await files.bytes(golden.faces);
  const wanted = JSON.parse(new TextDecoder().decode(await files.bytes(golden.answers)));
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
    engine.close();
    results[model.name] = { precision: model.precision, difference, agreed };
  }
  return results;
}
