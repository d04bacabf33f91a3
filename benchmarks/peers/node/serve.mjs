// Worker process in Node: the same requests as worker.py, with .npy files of uint8.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import readline from "node:readline";

const folder = path.resolve(process.argv[2]);
export const requirePackage = createRequire(path.join(folder, "package.json"));
export const packageFile = (...parts) => path.join(folder, "node_modules", ...parts);

// The packages fetch their models over HTTP; fetch is replaced to read them from a folder.
export const MODELS = "http://models/";
export function serveModelsFrom(models) {
  const network = globalThis.fetch;
  globalThis.fetch = async (request, ...rest) => {
    const url = String(request?.url ?? request);
    if (!url.startsWith(MODELS)) return network(request, ...rest);
    const type = url.endsWith(".json") ? "application/json" : "application/octet-stream";
    const bytes = fs.readFileSync(path.join(models, url.slice(MODELS.length)));
    return new Response(bytes, { headers: { "content-type": type } });
  };
}

export async function wasmBackend() {
  const tf = requirePackage("@tensorflow/tfjs");
  const wasm = requirePackage("@tensorflow/tfjs-backend-wasm");
  const files = packageFile("@tensorflow", "tfjs-backend-wasm", "dist") + path.sep;
  wasm.setWasmPaths(files);
  await tf.setBackend("wasm");
  await tf.ready();
  return { tf, files };
}

function readNpy(file) {
  const bytes = fs.readFileSync(file);
  const length = bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, 10 + length);
  if (!header.includes("'|u1'")) throw new Error(`${file} must be uint8, but is ${header}`);
  const shape = header.match(/\(([\d, ]+)\)/)[1].split(",").filter((s) => s.trim()).map(Number);
  return { data: new Uint8Array(bytes.subarray(10 + length)), shape };
}

function peakMb() {
  return Number(fs.readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s+(\d+)/)[1]) / 1024;
}

async function timed(call) {
  const began = process.hrtime.bigint();
  const output = await call();
  return [Number(process.hrtime.bigint() - began), output];
}

// imports() and load() are async. load() returns { labels, runtime, prepare, infer, release, classify,
// recognize }; faces and images are { data, shape } of uint8.
export async function serve(imports, load) {
  const results = fs.createWriteStream(null, { fd: 1 });
  console.log = console.info = console.error;
  const write = (object) => results.write(JSON.stringify(object) + "\n");
  const bare = peakMb();
  const began = performance.now();
  const imported = await imports();
  const importedAt = performance.now();
  const importedMb = peakMb();
  const measured = await load(imported);
  const loadedAt = performance.now();
  write({ import_s: (importedAt - began) / 1000, load_s: (loadedAt - importedAt) / 1000,
          bare_mb: bare, imported_mb: importedMb });
  let faces = [];
  const requests = {
    async classify({ file }) {
      const { data, shape: [count, height, width] } = readNpy(file);
      const size = height * width;
      faces = Array.from({ length: count }, (_, n) => (
        { data: data.subarray(n * size, (n + 1) * size), shape: [height, width] }));
      const probabilities = [];
      for (const face of faces) probabilities.push(await measured.classify(face));
      return { labels: measured.labels, probabilities, runtime: measured.runtime };
    },
    async infer({ first, calls }) {
      const ns = [];
      for (let call = 0; call < calls; call++) {
        const prepared = measured.prepare(faces[(first + call) % faces.length]);
        ns.push((await timed(() => measured.infer(prepared)))[0]);
        measured.release(prepared);
      }
      return { ns };
    },
    async recognize({ file, calls }) {
      const image = readNpy(file);
      const ns = [];
      let labels = [];
      for (let call = 0; call < calls; call++) {
        const [time, found] = await timed(() => measured.recognize(image));
        ns.push(time);
        labels = found;
      }
      return { ns, labels };
    },
    async memory() {
      return { peak_mb: peakMb() };
    },
  };
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    write(await requests[request.do](request));
  }
}
