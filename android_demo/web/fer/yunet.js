// The JavaScript implementation of fer_sdk.detectors; all are tested on the same golden files.

import { DetectorInput } from "./detector_input.js";

/** Pixels per cell of the three grids. */
export const STRIDES = [8, 16, 32];
/** Numbers of a row of the network's output. */
export const COLUMNS = 16;
export const MIN_SCORE = 0.7;
export const MAX_OVERLAP = 0.3;
export const LOGIT_CLIP = 100;
export const SIZE_CLIP = 10;
const SCORE = 14; // index in a decoded face
const LN2 = 0.6931471805599453;

/** Face detector YuNet (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y). */
export class YuNet {
  /**
   * @param {Engine} engine Runs the network; closed by `close`.
   * @param {object} sidecar The network's sidecar.
   */
  constructor(engine, sidecar) {
    const [, height, width] = engine.shape;
    this.engine = engine;
    this.factors = sidecar.output.factors;
    this.input = new DetectorInput(width, height);
  }

  /** Run the network once, because the first run compiles and allocates. */
  async warmUp() {
    await this.engine.run(this.input.tensor);
  }

  /**
   * Find the faces in an image.
   *
   * @param {{data, width, height}} image With RGBA bytes.
   * @returns {Promise<object[]>} {box_xyxy, score, right_eye, left_eye, nose, mouth} in pixels of the
   *   image, highest score first.
   */
  async detect(image) {
    this.input.fill(image);
    const [rows] = await this.engine.run(this.input.tensor);
    const { width, height, fittedWidth, fittedHeight } = this.input;
    const found = decode(rows, [height, width], this.factors);
    return found.map((face) => faceOf(face, image.width / fittedWidth, image.height / fittedHeight));
  }

  /** Free the network; may be called twice. */
  close() {
    this.engine.close();
  }
}

/**
 * Decode the network's output into faces, with non-maximum suppression.
 *
 * @param {Float32Array} rows 16 numbers per cell.
 * @param {number[]} inputHw Height and width of the network's input, multiples of 32.
 * @param {number[][]} factors The sidecar's factor of each column, for each stride.
 * @param {number} minScore Smallest score of a face, 0 to 1.
 * @returns {Float64Array[]} Left, top, right, bottom, x and y of five points, score; in pixels of the
 *   input, highest score first.
 */
export function decode(rows, [height, width], factors, minScore = MIN_SCORE) {
  const cells = STRIDES.reduce((sum, stride) => sum + (height / stride) * (width / stride), 0);
  if (rows.length !== cells * COLUMNS) {
    throw new Error(`the face detector must return ${cells * COLUMNS} numbers, not ${rows.length}`);
  }
  const found = [];
  let at = 0;
  STRIDES.forEach((stride, level) => {
    const across = width / stride;
    for (let cell = 0; cell < across * (height / stride); cell++, at += COLUMNS) {
      const corner = [cell % across, Math.floor(cell / across)];
      const face = decodeRow(rows, at, factors[level], stride, corner, minScore);
      if (face) found.push(face);
    }
  });
  found.sort((a, b) => b[SCORE] - a[SCORE]); // the sort is stable: of equal scores the first is preferred
  const kept = [];
  for (const face of found) {
    if (kept.every((better) => overlap(face, better) <= MAX_OVERLAP)) kept.push(face);
  }
  return kept;
}

/** Decode one row; returns undefined if its score is below `minScore`. */
function decodeRow(rows, at, factor, stride, corner, minScore) {
  const logits = [rows[at] * factor[0], rows[at + 1] * factor[1]];
  if (!logits.every(Number.isFinite)) throw notFinite();
  const score = Math.sqrt(
    sigmoid(clip(logits[0], LOGIT_CLIP)) * sigmoid(clip(logits[1], LOGIT_CLIP)));
  if (score < minScore) return undefined;
  const face = new Float64Array(SCORE + 1);
  for (const axis of [0, 1]) {
    const centre = (corner[axis] + rows[at + 2 + axis] * factor[2 + axis]) * stride;
    const size = exp(clip(rows[at + 4 + axis] * factor[4 + axis], SIZE_CLIP)) * stride;
    face[axis] = centre - size / 2;
    face[2 + axis] = centre + size / 2;
    for (let k = axis; k < 10; k += 2) {
      face[4 + k] = (corner[axis] + rows[at + 6 + k] * factor[6 + k]) * stride;
    }
  }
  face[SCORE] = score;
  if (!face.every(Number.isFinite)) throw notFinite();
  return face;
}

function notFinite() {
  return new Error("the face detector's output is not finite: choose another accelerator");
}

function clip(x, limit) {
  return Math.min(Math.max(x, -limit), limit);
}

/** 1 / (1 + e^-x). */
export function sigmoid(x) {
  return 1 / (1 + exp(-x));
}

/** e^x by a series: Math.exp differs between engines in the last bit. */
function exp(x) {
  const power = Math.floor(x / LN2 + 0.5);
  const rest = x - power * LN2;
  let series = 1;
  for (let n = 13; n > 0; n--) series = 1 + (series * rest) / n;
  return series * 2 ** power;
}

/** Intersection over union of two boxes. */
function overlap(a, b) {
  const across = Math.max(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), 0);
  const down = Math.max(Math.min(a[3], b[3]) - Math.max(a[1], b[1]), 0);
  const common = across * down;
  return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common);
}

/** Convert a face from pixels of the input to pixels of the image. */
function faceOf(face, zoomX, zoomY) {
  // The centre of a downscaled pixel is the centre of the block of pixels that it averages.
  const point = (k) => [(face[4 + 2 * k] + 0.5) * zoomX - 0.5, (face[5 + 2 * k] + 0.5) * zoomY - 0.5];
  const [right, left] = [point(3), point(4)];
  return {
    box_xyxy: [face[0] * zoomX, face[1] * zoomY, face[2] * zoomX, face[3] * zoomY],
    score: face[SCORE],
    right_eye: point(0),
    left_eye: point(1),
    nose: point(2),
    mouth: [(right[0] + left[0]) / 2, (right[1] + left[1]) / 2],
  };
}
