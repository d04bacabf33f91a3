// The JavaScript implementation of fer_sdk/preprocess.py; both are tested on the same golden files.
//
// An image is {data, width, height} with RGBA bytes, like ImageData. A point is [x, y] in pixels;
// [0, 0] is the centre of the top left pixel.

const WEIGHT = 1 << 11;

/**
 * Fit the rotation, scale and translation that map the crop's eyes and mouth to those of a face.
 * Least squares over the three points (Umeyama 1991, https://doi.org/10.1109/34.88573).
 *
 * @param {{right_eye: number[], left_eye: number[], mouth: number[]}} crop Points in the input.
 * @param {{right_eye: number[], left_eye: number[], mouth: number[]}} points Points in the image.
 * @returns {{xx, xy, x0, yx, yy, y0}} From input pixels to image pixels.
 */
export function cropTransform(crop, points) {
  const names = ["right_eye", "left_eye", "mouth"];
  const target = centred(names.map((name) => crop[name]));
  const source = centred(names.map((name) => points[name]));
  let real = 0, imaginary = 0, size = 0;
  names.forEach((_, k) => {
    const [tx, ty] = target.offsets[k];
    const [sx, sy] = source.offsets[k];
    real += tx * sx + ty * sy;
    imaginary += tx * sy - ty * sx;
    size += Math.hypot(tx, ty) ** 2;
  });
  const [a, b] = [real * (1 / size), imaginary * (1 / size)];
  if (!Number.isFinite(a + b) || (a === 0 && b === 0)) {
    throw new Error(`no crop is defined by ${JSON.stringify(points)}`);
  }
  const [tx, ty] = target.centre;
  const [sx, sy] = source.centre;
  return { xx: a, xy: -b, x0: sx - (a * tx - b * ty), yx: b, yy: a, y0: sy - (a * ty + b * tx) };
}

function centred(points) {
  const third = 1 / 3;
  const sum = points.reduce(([x, y], [px, py]) => [x + px, y + py], [0, 0]);
  const centre = [sum[0] * third, sum[1] * third];
  return { centre, offsets: points.map(([x, y]) => [x - centre[0], y - centre[1]]) };
}

/** Return the transform that scales an image to the input's size, edge to edge. */
export function resizeTransform(image, width, height) {
  const across = image.width / width;
  const down = image.height / height;
  return { xx: across, xy: 0, x0: (across - 1) / 2, yx: 0, yy: down, y0: (down - 1) / 2 };
}

/** Samples model inputs of one size from images. Buffers are reused; they grow with the image. */
export class Sampler {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    const pixels = width * height;
    this.left = new Int32Array(pixels);
    this.right = new Int32Array(pixels);
    this.top = new Int32Array(pixels);
    this.bottom = new Int32Array(pixels);
    this.weightX = new Int32Array(pixels);
    this.weightY = new Int32Array(pixels);
    this.means = new Int32Array(0);
  }

  /**
   * Set the image for `read`, and compute where each input pixel is sampled.
   *
   * @param {{data, width, height}} image RGBA.
   * @param transform From input pixels to image pixels.
   */
  setImage(image, transform) {
    const scale = Math.min(
      Math.hypot(transform.xx, transform.yx), Math.hypot(transform.xy, transform.yy));
    const block = Math.max(1, Math.min(Math.floor(scale + 0.5), image.width, image.height));
    const bounds = this.place(image, transform, block);
    Object.assign(this, { image, block, bounds });
  }

  /**
   * Read the input's grey levels: block means, then bilinear weights in 11 bits.
   *
   * @param {Uint8Array} out (height * width,).
   */
  read(out) {
    const { image, block, bounds } = this;
    this.average(image, block, bounds);
    const across = bounds.right - bounds.left + 1;
    for (let k = 0; k < this.left.length; k++) {
      const upper = (this.top[k] - bounds.top) * across - bounds.left;
      const lower = (this.bottom[k] - bounds.top) * across - bounds.left;
      const x = this.weightX[k];
      const above = this.means[upper + this.left[k]] * (WEIGHT - x)
        + this.means[upper + this.right[k]] * x;
      const below = this.means[lower + this.left[k]] * (WEIGHT - x)
        + this.means[lower + this.right[k]] * x;
      const value = above * (WEIGHT - this.weightY[k]) + below * this.weightY[k];
      out[k] = (value + (1 << 21)) >> 22;
    }
  }

  /** Compute the four blocks and the weights of each input pixel; returns the blocks' bounds. */
  place(image, transform, block) {
    const lastX = Math.ceil(image.width / block) - 1;
    const lastY = Math.ceil(image.height / block) - 1;
    const bounds = { left: lastX, right: 0, top: lastY, bottom: 0 };
    for (let y = 0, k = 0; y < this.height; y++) {
      for (let x = 0; x < this.width; x++, k++) {
        const across = transform.xx * x + transform.xy * y + transform.x0;
        const down = transform.yx * x + transform.yy * y + transform.y0;
        const placeX = (across + 0.5) / block - 0.5;
        const placeY = (down + 0.5) / block - 0.5;
        const floorX = Math.floor(placeX);
        const floorY = Math.floor(placeY);
        this.weightX[k] = Math.floor((placeX - floorX) * WEIGHT + 0.5);
        this.weightY[k] = Math.floor((placeY - floorY) * WEIGHT + 0.5);
        this.left[k] = Math.min(Math.max(floorX, 0), lastX);
        this.right[k] = Math.min(Math.max(floorX + 1, 0), lastX);
        this.top[k] = Math.min(Math.max(floorY, 0), lastY);
        this.bottom[k] = Math.min(Math.max(floorY + 1, 0), lastY);
        bounds.left = Math.min(bounds.left, this.left[k]);
        bounds.right = Math.max(bounds.right, this.right[k]);
        bounds.top = Math.min(bounds.top, this.top[k]);
        bounds.bottom = Math.max(bounds.bottom, this.bottom[k]);
      }
    }
    return bounds;
  }

  /** Average the blocks within the bounds, rounding half up; the image's edge pixels repeat beyond it. */
  average(image, block, bounds) {
    const across = bounds.right - bounds.left + 1;
    const count = across * (bounds.bottom - bounds.top + 1);
    if (this.means.length < count) this.means = new Int32Array(count);
    this.means.fill(0, 0, count);
    const { data, width, height } = image;
    const end = (bounds.right + 1) * block;
    for (let y = bounds.top * block; y < (bounds.bottom + 1) * block; y++) {
      const row = Math.min(y, height - 1) * width;
      let k = (Math.floor(y / block) - bounds.top) * across;
      for (let x = bounds.left * block, inside = 0; x < end; x++) {
        const at = 4 * (row + Math.min(x, width - 1));
        this.means[k] += grey(data, at);
        if (++inside === block) {
          inside = 0;
          k += 1;
        }
      }
    }
    const area = block * block;
    const half = Math.floor(area / 2);
    for (let k = 0; k < count; k++) this.means[k] = Math.floor((this.means[k] + half) / area);
  }

  /** Crop and align a face for the model; returns uint8 (height * width,), grey levels. */
  crop(image, crop, points, out = new Uint8Array(this.width * this.height)) {
    this.setImage(image, cropTransform(crop, points));
    this.read(out);
    return out;
  }

  /** Resize an image to the input's size; returns uint8 (height * width,), grey levels. */
  resize(image, out = new Uint8Array(this.width * this.height)) {
    this.setImage(image, resizeTransform(image, this.width, this.height));
    this.read(out);
    return out;
  }
}

function grey(data, at) {
  return (4899 * data[at] + 9617 * data[at + 1] + 1868 * data[at + 2] + 8192) >> 14;
}
