// Runs the JavaScript modules on the golden files, under Node:
//
//   node golden.mjs DATA FOLDER=PART,... ...
//
// DATA holds the golden JSON files and decoded images, which tests/web/test_golden.py writes. For each FOLDER
// of modules, a JSON object {part: {case: largest difference from the golden value}} is printed in one list.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [data, ...runs] = process.argv.slice(2);
const json = (name) => JSON.parse(readFileSync(resolve(data, name), "utf8"));
const sizes = json("images.json");

/** Return an image as {data, width, height} with RGBA bytes. */
function image(name) {
  const [width, height] = sizes[name];
  return { data: readFileSync(resolve(data, `${name}.rgba`)), width, height };
}

const source = (name) => image(name === "photo" ? name : `source-${name}.png`);
const channel = (picture, k) =>
  Array.from({ length: picture.data.length / 4 }, (_, i) => picture.data[4 * i + k]);

function largest(given, wanted) {
  if (!given || given.length !== wanted.length) return Infinity;
  const difference = wanted.reduce((most, value, k) => Math.max(most, Math.abs(value - given[k])), 0);
  return Number.isFinite(difference) ? difference : Infinity;
}

const same = (given, wanted) => (JSON.stringify(given) === JSON.stringify(wanted) ? 0 : Infinity);

const parts = {
  preprocess({ preprocess }) {
    const { width, height, crop } = json("defaults.json").input;
    const sampler = new preprocess.Sampler(width, height);
    return json("preprocess.json").cases.map((item) => {
      const picture = source(item.source);
      const given = item.kind === "crop" ? sampler.crop(picture, crop, item) : sampler.resize(picture);
      return [item.expected, largest(given, channel(image(item.expected), 0))];
    });
  },

  /** The detector's input: the image's size and pixels in it, and black around them. */
  detector_input({ detector_input: { DetectorInput } }) {
    const golden = json("detector.json");
    const fitted = golden.fitted.map(([width, height, side, ...size]) => {
      const input = new DetectorInput(side, side);
      input.fit({ width, height });
      return [`${width}x${height}`, largest([input.fittedWidth, input.fittedHeight], size)];
    });
    const searched = golden.searched.map(({ source: name, max_side: side, expected }) => {
      const input = new DetectorInput(side, side);
      input.fill({ data: new Uint8Array(4 * side * side).fill(99), width: side, height: side });
      input.fill(source(name));
      const { data: pixels, width, height } = image(expected);
      const wanted = new Float32Array(3 * side * side);
      for (let k = 0; k < width * height; k++) {
        const to = 3 * (Math.floor(k / width) * side + (k % width));
        wanted.set([pixels[4 * k + 2], pixels[4 * k + 1], pixels[4 * k]], to);
      }
      return [expected, largest(input.tensor, wanted)];
    });
    return [...fitted, ...searched];
  },

  /** The decoded rows and the faces for the network's golden output. */
  async yunet({ yunet }) {
    const golden = json("detector.json");
    const differences = [["sigmoid", largest(golden.sigmoid.x.map(yunet.sigmoid), golden.sigmoid.y)]];
    const numbers = (face) => [
      ...face.box_xyxy, face.score, ...face.right_eye, ...face.left_eye, ...face.nose, ...face.mouth];
    for (const item of [...golden.cases, ...golden.synthetic]) {
      const rows = new Float32Array(item.cells * yunet.COLUMNS);
      for (let k = 0; k < rows.length; k += yunet.COLUMNS) rows.fill(golden.background, k, k + 2);
      item.indices.forEach((row, k) => rows.set(item.rows[k], row * yunet.COLUMNS));
      const sidecar = json(`${item.detector}.tflite.json`);
      const found = yunet.decode(rows, item.input_hw, sidecar.output.factors, golden.min_score);
      const name = `${item.source ?? "synthetic"} ${item.max_side ?? differences.length} ${item.detector}`;
      differences.push([name, largest(found.flatMap((face) => [...face]), item.decoded.flat())]);
      if (item.source) {
        const engine = { shape: [1, ...item.input_hw, 3], run: async () => [rows] };
        const faces = await new yunet.YuNet(engine, sidecar).detect(source(item.source));
        differences.push([`${name} faces`, largest(faces.flatMap(numbers), item.faces.flatMap(numbers))]);
      }
    }
    return differences;
  },

  prior({ expression: { expressionOf }, prior: { priorOf } }) {
    const golden = json("prior.json");
    const differences = golden.cases.map(({ prior, probabilities }, k) => [
      `${k}: ${typeof prior === "string" ? prior : "shares"}`,
      Math.max(...golden.logits.map((logits, row) =>
        largest(expressionOf(logits, golden, priorOf(golden, prior)).probabilities, probabilities[row]))),
    ]);
    const everyday = golden.cases.find((item) => item.prior === golden.default_prior);
    const given = expressionOf(golden.logits[0], golden).probabilities;
    return [...differences, ["default", largest(given, everyday.probabilities[0])]];
  },

  tracks({ tracker: { FaceTracker } }) {
    return json("tracks.json").cases.map(({ name, settings, steps }) => {
      const tracker = new FaceTracker(settings);
      const ids = steps.map(({ boxes, time_s, may_begin }) => tracker.update(boxes, time_s, may_begin));
      return [name, same(ids, steps.map((step) => step.ids))];
    });
  },

  smoothing({ smoother: { Smoother } }) {
    return json("smoothing.json").cases.map(({ name, settings, steps }) => {
      const smoother = new Smoother(settings);
      return [name, Math.max(...steps.map(({ time_s, probabilities, smoothed, label }) => {
        smoother.update(probabilities, time_s);
        return Math.max(largest(smoother.probabilities, smoothed), same(smoother.label, label));
      }))];
    });
  },

  baselines({ baseline: { BaselineCollector } }) {
    const { labels, baselines } = json("baseline.json");
    return baselines.map(({ name, faces, log_odds, spread }) => {
      const collector = new BaselineCollector(labels);
      for (const face of faces) collector.add(face, { reasons: [], sharpness: 1 });
      const given = collector.baseline();
      return [name, Math.max(largest(given.log_odds, log_odds), largest(given.spread, spread))];
    });
  },

  changes({ baseline: { ChangeTracker } }) {
    const { labels, changes } = json("baseline.json");
    return changes.map(({ name, settings, log_odds, steps }) => {
      const tracker = new ChangeTracker({ labels, log_odds, sharpness: 1 }, settings);
      return [name, Math.max(...steps.map(({ time_s, probabilities, suitable, change, changed_to }) => {
        tracker.update(probabilities, time_s, suitable);
        const difference = change ? largest(tracker.change, change) : same(tracker.change, null);
        return Math.max(difference, same(tracker.changedTo, changed_to));
      }))];
    });
  },

  /** Quality, against values that test_golden.py has computed with fer_sdk. */
  quality({ quality: { faceQuality } }) {
    return json("quality.json").map(({ name, crop, face, expected }) => {
      const { reasons, ...given } = faceQuality(Uint8Array.from(crop), face);
      const { reasons: lines, ...wanted } = expected;
      const difference = largest(Object.values(given), Object.values(wanted));
      return [name, Math.max(difference, same([Object.keys(given), reasons], [Object.keys(wanted), lines]))];
    });
  },

  /** Faces' baselines over time, against fer_sdk's PersonalBaselines. */
  measured({ personal_baselines: { PersonalBaselines } }) {
    return json("measured.json").flatMap(({ labels, seconds, settings, steps }, number) => {
      const baselines = new PersonalBaselines(labels, settings);
      baselines.measure(seconds);
      return steps.map(({ time_s, probabilities, quality, change, changed_to }, k) => {
        const given = baselines.update(1, probabilities, quality, time_s);
        const difference = change ? largest(given.change, change) : same(given.change, null);
        return [`face ${number}, frame ${k}`, Math.max(difference, same(given.changed_to, changed_to))];
      });
    });
  },

  /** Every default setting and constant that Python has too. */
  defaults({ baseline, bundle, personal_baselines, quality, smoother, tracker, yunet }) {
    const given = {
      sidecar_schema: bundle.SIDECAR_SCHEMA, resize: bundle.RESIZE,
      strides: yunet.STRIDES, columns: yunet.COLUMNS, min_score: yunet.MIN_SCORE,
      max_overlap: yunet.MAX_OVERLAP, logit_clip: yunet.LOGIT_CLIP, size_clip: yunet.SIZE_CLIP,
      duplicate_above: tracker.DUPLICATE_ABOVE, max_growth: tracker.MAX_GROWTH,
      tracking: tracker.TRACKING, smoothing: smoother.SMOOTHING, changes: baseline.CHANGES,
      min_faces: baseline.MIN_FACES, max_spread: baseline.MAX_SPREAD,
      max_seconds: personal_baselines.MAX_SECONDS, limits: quality.LIMITS, crop: quality.FER2013_CROP,
    };
    const wanted = json("settings.json");
    const sorted = (value) => Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    const plain = (value) => (value?.constructor === Object ? sorted(value) : value);
    return [...new Set([...Object.keys(given), ...Object.keys(wanted)])].map((name) =>
      [name, same(plain(given[name]), plain(wanted[name]))]);
  },
};

const MODULES = ["baseline", "bundle", "detector_input", "expression", "personal_baselines", "preprocess",
  "prior", "quality", "smoother", "tracker", "yunet"];

async function check(folder, names) {
  const loaded = await Promise.all(
    MODULES.map((name) => import(pathToFileURL(resolve(folder, `${name}.js`)))));
  const modules = Object.fromEntries(MODULES.map((name, k) => [name, loaded[k]]));
  const results = {};
  for (const name of names) {
    try {
      const differences = await parts[name](modules);
      results[name] = Object.fromEntries(differences.map(([key, d]) => [key, d === Infinity ? 1e9 : d]));
    } catch (error) {
      results[name] = { [String(error)]: 1e9 };
    }
  }
  return results;
}

const results = [];
for (const run of runs) {
  const [folder, names] = run.split("=");
  results.push(await check(folder, names.split(",")));
}
console.log(JSON.stringify(results));
