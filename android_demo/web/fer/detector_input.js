// The detector's input, as fer_sdk.preprocess.resize and the padding of fer_sdk.runtimes define it; all
// implementations are tested on the same golden files.

const WEIGHT = 1 << 11;

/**
 * Writes images into an input of width x height pixels: a larger image is scaled down by the method
 * "area-then-bilinear" and put into the top left corner; the rest is black. Buffers are reused.
 */
export class DetectorInput {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** Levels 0 to 255 of blue, green, red, row by row. */
    this.tensor = new Float32Array(3 * width * height);
    this.columns = axis(width);
    this.rows = axis(height);
    this.means = new Int32Array(0);
  }

  /** Set the image's size in the input, `fittedWidth` and `fittedHeight`. */
  fit({ width, height }) {
    const shrink = Math.min(1, this.width / width, this.height / height);
    this.fittedWidth = Math.max(1, rounded(width * shrink));
    this.fittedHeight = Math.max(1, rounded(height * shrink));
  }

  /** Fill `tensor` from an RGBA image. */
  fill(image) {
    this.fit(image);
    const across = image.width / this.fittedWidth;
    const down = image.height / this.fittedHeight;
    const scale = Math.floor(Math.min(across, down) + 0.5);
    const block = Math.max(1, Math.min(scale, image.width, image.height));
    const blocksX = Math.ceil(image.width / block);
    const blocksY = Math.ceil(image.height / block);
    this.average(image, block, blocksX, blocksY);
    place(this.columns, this.fittedWidth, across, block, blocksX);
    place(this.rows, this.fittedHeight, down, block, blocksY);
    for (let y = 0; y < this.fittedHeight; y++) this.interpolate(y, blocksX);
    this.tensor.fill(0, 3 * this.width * this.fittedHeight);
  }

  /** Average the image's blocks, rounding half up; its edge pixels repeat beyond it. */
  average({ data, width, height }, block, blocksX, blocksY) {
    if (this.means.length < 3 * blocksX * blocksY) this.means = new Int32Array(3 * blocksX * blocksY);
    const { means } = this;
    const area = block * block;
    const half = Math.floor(area / 2);
    for (let blockY = 0, to = 0; blockY < blocksY; blockY++) {
      for (let blockX = 0; blockX < blocksX; blockX++, to += 3) {
        let red = half, green = half, blue = half;
        for (let y = blockY * block; y < (blockY + 1) * block; y++) {
          const row = Math.min(y, height - 1) * width;
          for (let x = blockX * block; x < (blockX + 1) * block; x++) {
            const at = 4 * (row + Math.min(x, width - 1));
            red += data[at];
            green += data[at + 1];
            blue += data[at + 2];
          }
        }
        means[to] = blue / area; // the array drops the fraction
        means[to + 1] = green / area;
        means[to + 2] = red / area;
      }
    }
  }

  /** Write one row of the input: bilinear weights of 11 bits between the blocks' means. */
  interpolate(y, blocksX) {
    const { columns, rows, means, tensor } = this;
    const upper = 3 * blocksX * rows.low[y];
    const lower = 3 * blocksX * rows.high[y];
    const down = rows.weight[y];
    let to = 3 * this.width * y;
    for (let x = 0; x < this.fittedWidth; x++) {
      const left = 3 * columns.low[x];
      const right = 3 * columns.high[x];
      const across = columns.weight[x];
      for (let channel = 0; channel < 3; channel++) {
        const above = means[upper + left + channel] * (WEIGHT - across)
          + means[upper + right + channel] * across;
        const below = means[lower + left + channel] * (WEIGHT - across)
          + means[lower + right + channel] * across;
        tensor[to++] = (above * (WEIGHT - down) + below * down + (1 << 21)) >> 22;
      }
    }
    tensor.fill(0, to, 3 * this.width * (y + 1));
  }
}

/** The two blocks around each position along an axis, and the weight of the second. */
function axis(size) {
  return { low: new Int32Array(size), high: new Int32Array(size), weight: new Int32Array(size) };
}

function place({ low, high, weight }, count, step, block, blocks) {
  for (let k = 0; k < count; k++) {
    const position = (step * k + (step - 1) / 2 + 0.5) / block - 0.5;
    const below = Math.floor(position);
    low[k] = Math.min(Math.max(below, 0), blocks - 1);
    high[k] = Math.min(Math.max(below + 1, 0), blocks - 1);
    weight[k] = Math.floor((position - below) * WEIGHT + 0.5);
  }
}

/** Round to an integer, halves to the even one, as Python does. */
function rounded(x) {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 ? up - 1 : up;
}
