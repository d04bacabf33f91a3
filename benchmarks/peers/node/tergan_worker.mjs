// npm emotion-recognition-api (TER-GAN): a network for a face box that the caller brings.
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
  const net = async (ready) => {
    const answer = tf.tidy(() => tf.softmax(model.execute(ready)));
    const numbers = await answer.data();
    tf.dispose(answer);
    return Array.from(numbers);
  };
  return {
    labels: LABELS,
    runtime: `TensorFlow.js ${tf.version.tfjs}, wasm`,
    prepare,
    net,
    release: (ready) => tf.dispose(ready),
    async answer(face) {
      const ready = prepare(face);
      const found = await net(ready);
      tf.dispose(ready);
      return found;
    },
    async whole() {
      return []; // the package finds no faces
    },
  };
}

await serve(imports, load);
