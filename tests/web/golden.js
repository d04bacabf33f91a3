// Runs the JavaScript modules on the golden files and returns {case: largest difference}.

import { Export, RESIZE, SIDECAR_SCHEMA } from "/android_demo/web/fer/bundle.js";
import { DetectorInput } from "/android_demo/web/fer/detector_input.js";
import { Sampler } from "/android_demo/web/fer/preprocess.js";
import * as yunet from "/android_demo/web/fer/yunet.js";

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
    strides: [yunet.STRIDES, golden.detector.strides],
    columns: [yunet.COLUMNS, golden.detector.columns],
    min_score: [yunet.MIN_SCORE, golden.detector.min_score],
    max_overlap: [yunet.MAX_OVERLAP, golden.detector.max_overlap],
    logit_clip: [yunet.LOGIT_CLIP, golden.detector.logit_clip],
    size_clip: [yunet.SIZE_CLIP, golden.detector.size_clip],
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

/** Compare the detector's input: the image's size and pixels in it, and black around them. */
export async function detectorInputs() {
  const golden = await json("detector.json");
  const differences = {};
  for (const [width, height, side, ...size] of golden.fitted) {
    const input = new DetectorInput(side, side);
    input.fit({ width, height });
    differences[`${width}x${height}`] = largest([input.fittedWidth, input.fittedHeight], size);
  }
  for (const { source: name, max_side: side, expected } of golden.searched) {
    const input = new DetectorInput(side, side);
    input.fill({ data: new Uint8ClampedArray(4 * side * side).fill(99), width: side, height: side });
    input.fill(await source(name));
    const { data, width, height } = await picture(expected);
    const wanted = new Float32Array(3 * side * side);
    for (let k = 0; k < width * height; k++) {
      const to = 3 * (Math.floor(k / width) * side + (k % width));
      wanted.set([data[4 * k + 2], data[4 * k + 1], data[4 * k]], to);
    }
    differences[expected] = largest(input.tensor, wanted);
  }
  return differences;
}

/** Compare the decoded rows and the faces for the network's golden output. */
export async function faces() {
  const golden = await json("detector.json");
  const differences = { sigmoid: largest(golden.sigmoid.x.map(yunet.sigmoid), golden.sigmoid.y) };
  const numbers = (face) => [
    ...face.box_xyxy, face.score, ...face.right_eye, ...face.left_eye, ...face.nose, ...face.mouth];
  for (const item of [...golden.cases, ...golden.synthetic]) {
    const rows = new Float32Array(item.cells * yunet.COLUMNS);
    for (let k = 0; k < rows.length; k += yunet.COLUMNS) rows.fill(golden.background, k, k + 2);
    item.indices.forEach((row, k) => rows.set(item.rows[k], row * yunet.COLUMNS));
    const sidecar = await (await fetch(`/sdk/fer_sdk/data/${item.detector}.tflite.json`)).json();
    const { factors } = sidecar.output;
    const found = yunet.decode(rows, item.input_hw, factors, golden.min_score);
    const name = `${item.source ?? "synthetic"} ${item.max_side ?? ""} ${item.detector}`;
    differences[name] = largest(found.flatMap((face) => [...face]), item.decoded.flat());
    if (item.source) {
      const engine = { shape: [1, ...item.input_hw, 3], run: async () => [rows] };
      const given = await new yunet.YuNet(engine, sidecar).detect(await source(item.source));
      differences[`${name} faces`] = largest(given.flatMap(numbers), item.faces.flatMap(numbers));
    }
  }
  return differences;
}

/** Return the faces that the page's network finds in the sample photo. */
export async function detected(accelerator) {
  const { Engine } = await import("/android_demo/web/fer/engine.js");
  const files = await Export.open("/android_demo/web/export/");
  const engine = await Engine.compile(await files.bytes(files.manifest.detector), accelerator);
  const detector = new yunet.YuNet(engine, await files.detectorSidecar());
  const found = await detector.detect(await source("photo"));
  detector.close();
  return { faces: found };
}

/** Return the error for output that is not a number, or of another length. */
export async function refused() {
  const errors = {};
  const { factors } = (await (await fetch("/sdk/fer_sdk/data/yunet-float32.tflite.json")).json()).output;
  const attempt = (name, size, change) => {
    const rows = new Float32Array(size);
    change(rows);
    try {
      yunet.decode(rows, [32, 32], factors, 0);
    } catch (error) {
      errors[name] = error.message;
    }
  };
  attempt("logit", 21 * 16, (rows) => { rows[1] = NaN; });
  attempt("point", 21 * 16, (rows) => { rows[7] = Infinity; });
  attempt("length", 20 * 16, () => {});
  return errors;
}

/** Compare the probabilities of the golden logits under each prior. */
export async function priors() {
  const { expressionOf } = await import("/android_demo/web/fer/expression.js");
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
  const { expressionOf } = await import("/android_demo/web/fer/expression.js");
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
