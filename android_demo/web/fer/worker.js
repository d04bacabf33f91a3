// The worker of WorkerRecognizer: loads a model and recognizes images, one call after another.

import { Export } from "./bundle.js";
import { describe, runtimeBytes } from "./engine.js";
import { Recognizer } from "./recognizer.js";
import { VideoRecognizer } from "./video_recognizer.js";

const canvas = new OffscreenCanvas(1, 1);
const pixels = canvas.getContext("2d", { willReadFrequently: true });
let recognizer;
let video;

const calls = {
  async open({ assets, models, model, accelerator, ...settings }) {
    const files = await Export.open(models);
    const chosen = files.model(model);
    recognizer = await Recognizer.open(files, chosen, accelerator, `${assets}wasm/`);
    video = new VideoRecognizer(recognizer, settings);
    return {
      model: chosen.name,
      labels: recognizer.sidecar.labels,
      device: describe(accelerator),
      files: [chosen.file, files.manifest.detector].flatMap((file) => [file, `${file}.json`]),
    };
  },
  recognize: (image) => recognizer.recognize(read(image)),
  recognizeFrame: (image, timeS) => video.recognize(read(image), timeS),
  measureBaseline: (seconds) => video.measureBaseline(seconds),
  reset: () => video.reset(),
  memoryBytes: () => runtimeBytes(),
};

/** Return an image's RGBA bytes. The canvas changes its size only if the image's differs. */
function read(image) {
  if (image instanceof ImageData) return image;
  const { width, height } = image;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  pixels.clearRect(0, 0, width, height);
  pixels.drawImage(image, 0, 0);
  return pixels.getImageData(0, 0, width, height);
}

let last = Promise.resolve();

addEventListener("message", ({ data: { id, name, values } }) => {
  last = last.then(async () => {
    const image = values[0] instanceof ImageBitmap ? values[0] : undefined;
    const transfer = image ? [image] : [];
    try {
      postMessage({ id, result: await calls[name](...values), image }, transfer);
    } catch (error) {
      postMessage({ id, error: error.message, image }, transfer);
    }
  });
});
