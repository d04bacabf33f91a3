// The JavaScript implementation of fer_sdk/detectors/blazeface.py; both are tested on the same golden
// files.

import { Sampler } from "./preprocess.js";

export const SIDE = 128;
export const ANCHORS = 896;
const NUMBERS = 16;
export const SCORE_CLIP = 100;
export const MIN_OVERLAP = 0.3;
export const MIN_SCORE = 0.5;
const LN2 = 0.6931471805599453;

/** Scales images into the centre of the network's square input, with black borders. Buffers are reused. */
export class Letterbox {
  constructor() {
    this.sampler = new Sampler(SIDE, SIDE);
    /** RGB, uint8 (128 * 128 * 3,), row by row. */
    this.pixels = new Uint8Array(SIDE * SIDE * 3);
    this.tensor = new Float32Array(SIDE * SIDE * 3);
    this.scale = 1;
    this.width = 0;
    this.height = 0;
  }

  /** Fill `pixels` and `tensor` from an RGBA image. */
  fill(image) {
    const { width, height } = image;
    const scale = Math.max(height, width) / SIDE;
    const x0 = (width - 1 - scale * (SIDE - 1)) / 2;
    const y0 = (height - 1 - scale * (SIDE - 1)) / 2;
    const transform = { xx: scale, xy: 0, x0, yx: 0, yy: scale, y0 };
    this.sampler.setImage(image, transform);
    ["red", "green", "blue"].forEach((channel, k) => this.sampler.read(channel, this.pixels, k, 3));
    for (let y = 0, k = 0; y < SIDE; y++) {
      const down = scale * y + y0;
      for (let x = 0; x < SIDE; x++, k += 3) {
        const across = scale * x + x0;
        if (across < -0.5 || across >= width - 0.5 || down < -0.5 || down >= height - 0.5) {
          this.pixels.fill(0, k, k + 3);
        }
      }
    }
    for (let k = 0; k < this.pixels.length; k++) this.tensor[k] = this.pixels[k] / 127.5 - 1;
    Object.assign(this, { scale, width, height });
  }
}

const CENTRES = Float64Array.from([...grid(16, 2), ...grid(8, 6)]);

function* grid(cells, each) {
  for (let y = 0; y < cells; y++) {
    for (let x = 0; x < cells; x++) {
      for (let k = 0; k < each; k++) {
        yield (x + 0.5) * (SIDE / cells);
        yield (y + 0.5) * (SIDE / cells);
      }
    }
  }
}

/**
 * Decode the network's output into faces, with weighted non-maximum suppression.
 *
 * @param {Float32Array} places (896 * 16,): box centre, size and six points of each anchor.
 * @param {Float32Array} logits (896,): one per anchor.
 * @param {{scale: number, width: number, height: number}} box Position of the
 *   image in the input.
 * @param {number} minScore Faces with a lower score, 0 to 1, are dropped.
 * @returns {object[]} {box_xyxy, score, right_eye, left_eye, nose, mouth} in pixels of the image,
 *   highest score first.
 */
export function decode(places, logits, box, minScore = MIN_SCORE) {
  if (![places, logits].every((numbers) => numbers.every(Number.isFinite))) {
    throw new Error("the face detector's output is not finite: choose another accelerator");
  }
  const rows = [];
  for (let anchor = 0; anchor < ANCHORS; anchor++) {
    const score = sigmoid(Math.min(Math.max(logits[anchor], -SCORE_CLIP), SCORE_CLIP));
    const across = places[anchor * NUMBERS + 2];
    const down = places[anchor * NUMBERS + 3];
    if (score < minScore || !(across > 0) || !(down > 0)) continue;
    rows.push({ score, numbers: numbersOf(places, anchor) });
  }
  rows.sort((a, b) => b.score - a.score); // the sort is stable: equal scores keep the order of the anchors
  return merged(rows).map((row) => faceOf(row, box));
}

/** 1 / (1 + exp(-x)), with a series for exp: Math.exp differs between engines in the last bit. */
export function sigmoid(x) {
  const power = Math.floor(-x / LN2 + 0.5);
  const rest = -x - power * LN2;
  let series = 1;
  for (let n = 13; n > 0; n--) series = 1 + (series * rest) / n;
  return 1 / (1 + series * 2 ** power);
}

/** Return left, top, right, bottom, then x and y of six points, in input pixels. */
function numbersOf(places, anchor) {
  const numbers = new Float64Array(NUMBERS);
  for (let k = 0; k < NUMBERS; k++) {
    numbers[k] = places[anchor * NUMBERS + k] + CENTRES[anchor * 2 + (k % 2)];
  }
  for (const k of [0, 1]) {
    const middle = numbers[k];
    const size = places[anchor * NUMBERS + 2 + k];
    numbers[k] = middle - size / 2;
    numbers[k + 2] = middle + size / 2;
  }
  return numbers;
}

/** Repeatedly merge the best row with all rows that overlap it: their mean, weighted by score. */
function merged(rows) {
  const found = [];
  while (rows.length) {
    const best = rows[0];
    const isNear = rows.map((row) => overlap(row.numbers, best.numbers) > MIN_OVERLAP);
    const total = new Float64Array(NUMBERS);
    let weight = 0;
    for (const row of rows.filter((_, k) => isNear[k])) {
      for (let k = 0; k < NUMBERS; k++) total[k] += row.numbers[k] * row.score;
      weight += row.score;
    }
    found.push({ score: best.score, numbers: total.map((number) => number / weight) });
    rows = rows.filter((_, k) => !isNear[k]);
  }
  return found;
}

/** Intersection over union of two boxes. */
function overlap(a, b) {
  const across = Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0);
  const down = Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
  const common = across * down;
  return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common);
}

/** Map a row from input pixels to image pixels. */
function faceOf({ score, numbers }, box) {
  const at = (k) => [
    (numbers[2 * k] - SIDE / 2) * box.scale + box.width / 2,
    (numbers[2 * k + 1] - SIDE / 2) * box.scale + box.height / 2,
  ];
  // Box coordinates start at the image's edge, point coordinates at the centre of the first pixel.
  const point = (k) => at(k).map((number) => number - 0.5);
  return {
    box_xyxy: [...at(0), ...at(1)],
    score,
    right_eye: point(2),
    left_eye: point(3),
    nose: point(4),
    mouth: point(5),
  };
}
