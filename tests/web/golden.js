// Runs the models of an export in the page and compares them with Python's predictions.

import { Export } from "/build/web/site/fer/bundle.js";
import { Engine } from "/build/web/site/fer/engine.js";
import { expressionOf } from "/build/web/site/fer/expression.js";
import { YuNet, decode } from "/build/web/site/fer/yunet.js";

const WASM = new URL("/build/web/site/fer/assets/wasm/", location.href).href;
const openExport = () => Export.open("/build/web/export/");

/** Return [JavaScript's value, the golden value] of the default model and its input. */
export async function defaults() {
  const golden = await (await fetch("/tests/golden/defaults.json")).json();
  const files = await openExport();
  const [first] = files.models;
  const { color, ...input } = (await files.sidecar(first)).input;
  return {
    model: [first.name, golden.model],
    color: [color, "grey"],
    input: [input, golden.input],
  };
}

/** Return the faces that the page's network finds in the sample photo. */
export async function detected(accelerator) {
  const files = await openExport();
  const engine = await Engine.compile(await files.bytes(files.manifest.detector), accelerator, WASM);
  const detector = new YuNet(engine, await files.detectorSidecar());
  const bitmap = await createImageBitmap(await (await fetch("/examples/eileen_collins.png")).blob());
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const found = await detector.detect(context.getImageData(0, 0, bitmap.width, bitmap.height));
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
      decode(rows, [32, 32], factors, 0);
    } catch (error) {
      errors[name] = error.message;
    }
  };
  attempt("logit", 21 * 16, (rows) => { rows[1] = NaN; });
  attempt("point", 21 * 16, (rows) => { rows[7] = Infinity; });
  attempt("length", 20 * 16, () => {});
  return errors;
}

/** Compare the probabilities of exported models with Python's for the first `count` faces. */
export async function predictions(accelerator, count, pattern) {
  const files = await openExport();
  const { golden } = files.manifest;
  const faces = await files.bytes(golden.faces);
  const wanted = JSON.parse(new TextDecoder().decode(await files.bytes(golden.predictions)));
  const size = golden.shape[1] * golden.shape[2];
  const results = {};
  for (const model of files.models.filter(({ name }) => new RegExp(pattern).test(name))) {
    const sidecar = await files.sidecar(model);
    const engine = await Engine.compile(await files.bytes(model.file), accelerator, WASM);
    let difference = 0, agreed = 0;
    for (let k = 0; k < count; k++) {
      const [logits] = await engine.run(Float32Array.from(faces.subarray(k * size, (k + 1) * size)));
      const { probabilities, label } = expressionOf(logits, sidecar);
      const expected = wanted[model.file][k];
      difference = Math.max(difference, ...expected.map((value, i) => Math.abs(value - probabilities[i])));
      agreed += label === sidecar.labels[expected.indexOf(Math.max(...expected))];
    }
    engine.close();
    engine.close(); // the second call must be harmless
    results[model.name] = { precision: model.precision, difference, agreed };
  }
  return results;
}
