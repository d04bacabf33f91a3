// The JavaScript implementation of fer_sdk/quality.py: size, sharpness and pose of a face image, with the
// limits that it exceeds. tests/web compares it with Python.

import { cropTransform } from "./preprocess.js";

/** Default limits, as Python's QualityLimits. */
export const LIMITS = Object.freeze({
  /** Least side, in pixels of the image, of the square crop around the face. */
  min_size_px: 30,
  /** Least deviation of the Laplacian divided by that of the grey levels. */
  min_sharpness: 0.25,
  /** Largest absolute value of yaw and pitch. */
  max_turn_degrees: 35,
});
/** The crop of FER2013's faces, in which quality is measured. */
export const FER2013_CROP = Object.freeze({
  width: 48,
  height: 48,
  right_eye: [14.3, 18.3],
  left_eye: [32.7, 18.3],
  mouth: [23.5, 36.1],
});
const UPSIDE_DOWN = "upside down: the mouth is above the eyes";
const NO_FACE_DEGREES = 90;
// Positions of nose and mouth on frontal faces, see fer_sdk/quality.py.
const NOSE_DOWN = 0.57;
const MOUTH_DOWN = 1.04;
const NOSE_DEPTH = 0.66;
const MOUTH_DEPTH = 0.11;

/**
 * Measure the quality of a face image.
 *
 * @param {Uint8Array} crop The face in `FER2013_CROP`, grey levels, row by row.
 * @param {{right_eye, left_eye, nose, mouth}} face Points in pixels of the image.
 * @param {object} limits Replaces values of `LIMITS`.
 * @returns {{size_px: number, sharpness: number, yaw_degrees: number, pitch_degrees: number,
 *   roll_degrees: number, reasons: string[]}} One reason for each exceeded limit.
 */
export function faceQuality(crop, face, limits = {}) {
  const { min_size_px, min_sharpness, max_turn_degrees } = { ...LIMITS, ...limits };
  const { xx, yx } = cropTransform(FER2013_CROP, face);
  const size_px = FER2013_CROP.width * Math.hypot(xx, yx);
  const sharpness = sharpnessOf(crop, FER2013_CROP.width, FER2013_CROP.height);
  const [yaw_degrees, pitch_degrees, roll_degrees] = poseOf(face);
  const reasons = [];
  if (face.mouth[1] < (face.right_eye[1] + face.left_eye[1]) / 2) reasons.push(UPSIDE_DOWN);
  if (size_px < min_size_px) {
    reasons.push(`small: ${size_px.toFixed(0)} px, under ${min_size_px.toFixed(0)}`);
  }
  if (sharpness < min_sharpness) {
    reasons.push(`blurred: sharpness ${sharpness.toFixed(2)}, under ${min_sharpness.toFixed(2)}`);
  }
  for (const [name, angle] of [["turned aside", yaw_degrees], ["turned up or down", pitch_degrees]]) {
    if (Math.abs(angle) > max_turn_degrees) {
      reasons.push(`${name}: ${angle.toFixed(0)} degrees, over ${max_turn_degrees.toFixed(0)}`);
    }
  }
  return { size_px, sharpness, yaw_degrees, pitch_degrees, roll_degrees, reasons };
}

/** Return the deviation of the Laplacian divided by that of the grey levels inside the edge, or 0. */
function sharpnessOf(levels, width, height) {
  const inner = [];
  const laplacian = [];
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      inner.push(levels[at]);
      laplacian.push(
        levels[at - width] + levels[at + width] + levels[at - 1] + levels[at + 1] - 4 * levels[at]);
    }
  }
  const contrast = deviation(inner);
  return contrast > 0 ? deviation(laplacian) / contrast : 0;
}

function deviation(values) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** Return yaw, pitch and roll from the position of the nose between eyes and mouth. */
function poseOf({ right_eye, left_eye, nose, mouth }) {
  const eyes = minus(left_eye, right_eye);
  const distance = Math.hypot(...eyes);
  if (distance === 0) return [NO_FACE_DEGREES, NO_FACE_DEGREES, 0];
  const across = [eyes[0] / distance, eyes[1] / distance];
  const middle = [(left_eye[0] + right_eye[0]) / 2, (left_eye[1] + right_eye[1]) / 2];
  const toNose = minus(nose, middle);
  const toMouth = minus(mouth, middle);
  const aside = (toNose[0] * across[0] + toNose[1] * across[1]) / distance;
  const noseDown = toNose[1] * across[0] - toNose[0] * across[1];
  const mouthDown = toMouth[1] * across[0] - toMouth[0] * across[1];
  const yaw = degrees(Math.atan2(aside, NOSE_DEPTH));
  const roll = degrees(Math.atan2(eyes[1], eyes[0]));
  if (mouthDown <= 0) return [yaw, NO_FACE_DEGREES, roll];
  const share = noseDown / mouthDown;
  const pitch = degrees(Math.atan2(NOSE_DOWN - share * MOUTH_DOWN, NOSE_DEPTH - share * MOUTH_DEPTH));
  return [yaw, pitch, roll];
}

const minus = (a, b) => [a[0] - b[0], a[1] - b[1]];
const degrees = (radians) => (radians * 180) / Math.PI;
