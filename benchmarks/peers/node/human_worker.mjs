// npm @vladmandic/human: `human.detect(tensor)` with face detection and emotion, on WebAssembly.
import { MODELS, packageFile, serve, serveModelsFrom, wasmBackend } from "./serve.mjs";
import { requirePackage } from "./serve.mjs";

const LABELS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];
const OFF = { enabled: false };

async function imports() {
  serveModelsFrom(packageFile("@vladmandic", "human", "models"));
  const { tf, files } = await wasmBackend();
  const { Human } = requirePackage(packageFile("@vladmandic", "human", "dist", "human.node-wasm.js"));
  return { tf, files, Human };
}

async function load({ files, Human }) {
  const human = new Human({
    backend: "wasm", wasmPath: files, modelBasePath: MODELS, cacheSensitivity: 0, debug: false,
    filter: OFF, gesture: OFF, body: OFF, hand: OFF, object: OFF,
    face: {
      enabled: true, detector: { rotation: false }, mesh: { enabled: true }, iris: OFF,
      description: OFF, antispoof: OFF, liveness: OFF,
      emotion: { enabled: true, minConfidence: 0, skipFrames: 0, skipTime: 0 },
    },
  });
  await human.load();
  const tf = human.tf;
  const model = human.models.models.emotion;
  const prepare = ({ data, shape }) => tf.tidy(() => {
    const grey = tf.tensor(data, [1, ...shape, 1], "float32").div(255);
    return tf.image.resizeBilinear(grey, [64, 64], false).sub(0.5).mul(2);
  });
  const infer = async (prepared) => {
    const output = model.execute(prepared);
    const numbers = await output.data();
    tf.dispose(output);
    return Array.from(numbers);
  };
  return {
    labels: LABELS,
    runtime: `TensorFlow.js ${tf.version?.tfjs ?? tf.version_core}, wasm`,
    prepare,
    infer,
    release: (prepared) => tf.dispose(prepared),
    async classify(face) {
      const prepared = prepare(face);
      const found = await infer(prepared);
      tf.dispose(prepared);
      return found;
    },
    async recognize({ data, shape }) {
      const bgr = tf.tensor(data, [1, ...shape], "float32");
      const image = tf.reverse(bgr, 3);
      const found = await human.detect(image);
      tf.dispose([bgr, image]);
      return found.face.map((face) => face.emotion[0].emotion);
    },
  };
}

await serve(imports, load);
