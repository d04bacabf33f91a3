// npm emotion-recognition-api (TER-GAN): a network that takes a face box from the caller.
import { MODELS, packageFile, serve, serveModelsFrom, wasmBackend } from "./serve.mjs";

const LABELS = ["neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt"];

async function imports() {
  serveModelsFrom(packageFile("emotion-recognition-api", "models", "TER"));
  return (await wasmBackend()).tf;
}

async function load(tf) {
  const model = await tf.loadGraphModel(MODELS + "model.json");
  const prepare = ({ data, shape }) => tf.tidy(() => {
    const grey = tf.tensor(data, [1, ...shape, 1], "float32");
    const colour = tf.concat([grey, grey, grey], 3);
    const crop = tf.image.cropAndResize(colour, [[0, 0, 1, 1]], [0], [224, 224]);
    return tf.transpose(crop, [0, 3, 1, 2]).div(255);
  });
  const infer = async (prepared) => {
    const output = tf.tidy(() => tf.softmax(model.execute(prepared)));
    const numbers = await output.data();
    tf.dispose(output);
    return Array.from(numbers);
  };
  return {
    labels: LABELS,
    runtime: `TensorFlow.js ${tf.version.tfjs}, wasm`,
    prepare,
    infer,
    release: (prepared) => tf.dispose(prepared),
    async classify(face) {
      const prepared = prepare(face);
      const found = await infer(prepared);
      tf.dispose(prepared);
      return found;
    },
    async recognize() {
      return []; // the package has no face detector
    },
  };
}

await serve(imports, load);
