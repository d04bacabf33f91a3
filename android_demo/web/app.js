// The page: recognizes expressions in camera frames and photos and shows boxes, labels and timings.

import { Export } from "./fer/bundle.js";
import { describe, runtimeBytes } from "./fer/engine.js";
import { Recognizer } from "./fer/recognizer.js";

const MAX_SIDE = 1600; // longer side in pixels; larger photos are downscaled before detection
const element = (id) => document.getElementById(id);
const canvas = element("picture");
const frame = document.createElement("canvas");
const pixels = frame.getContext("2d", { willReadFrequently: true });
const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });

const state = {
  files: undefined, // the Export
  recognizer: undefined,
  stream: undefined, // the camera's MediaStream while it runs
  facing: "user",
  photo: undefined, // the last photo, recognized again when another model is chosen
  frames: 0,
};

/** Return counters for tests: recognized frames, and bytes of the runtime's memory. */
export const counters = () => ({
  frames: state.frames,
  runtimeBytes: state.recognizer ? runtimeBytes() : 0,
});

function showStatus(text) {
  element("status").textContent = text;
}

function showError(error) {
  element("problem").textContent = error ? error.message : "";
  element("problem").hidden = !error;
}

/** Run a step and show its error, if it throws one. */
async function attempt(step) {
  showError();
  try {
    await step();
  } catch (error) {
    console.error(error);
    showError(error);
  }
}

// Steps run one after another, so that no model is closed while it is running.
let last = Promise.resolve();
function enqueue(step) {
  last = last.then(step, step);
  return last;
}

function selected() {
  return {
    accelerator: document.querySelector("[name=accelerator]:checked").value,
    model: state.files.models.find((model) => model.name === element("model").value),
  };
}

function enable(isReady) {
  element("camera").disabled = !isReady;
  element("photo").disabled = !isReady;
}

/** Open the selected model on the selected accelerator. There is no fallback. */
function openModel() {
  return enqueue(async () => {
    const { accelerator, model } = selected();
    enable(false);
    state.recognizer?.close();
    state.recognizer = undefined;
    showStatus(`Loading ${model.name}...`);
    clearResult();
    await attempt(async () => {
      try {
        state.recognizer = await Recognizer.open(state.files, model, accelerator);
      } catch (error) {
        stopCamera();
        wipe();
        showStatus("No model is running.");
        throw error;
      }
      showLabels(state.recognizer.sidecar.labels);
      showStatus(`${model.name} on ${describe(accelerator)}`);
      enable(true);
      cacheForOffline(); // not awaited
      if (!state.stream && state.photo) await recognize(state.photo, false);
    });
  });
}

/** Recognize the faces of one image and draw them. */
async function recognize(source, isMirrored) {
  const [width, height] = [source.videoWidth ?? source.width, source.videoHeight ?? source.height];
  if (!width || !state.recognizer) return;
  const shrink = Math.min(1, MAX_SIDE / Math.max(width, height));
  resize(frame, Math.max(1, Math.round(width * shrink)), Math.max(1, Math.round(height * shrink)));
  pixels.drawImage(source, 0, 0, frame.width, frame.height);
  const image = pixels.getImageData(0, 0, frame.width, frame.height);
  const { faces, ms } = await state.recognizer.recognize(image);
  state.frames += 1;
  draw(faces, isMirrored);
  showResult(faces, ms);
}

/** Set a canvas's size only if it changes, because each assignment allocates a new buffer. */
function resize(target, width, height) {
  if (target.width !== width) target.width = width;
  if (target.height !== height) target.height = height;
}

function draw(faces, isMirrored) {
  resize(canvas, frame.width, frame.height);
  const context = canvas.getContext("2d");
  if (isMirrored) context.setTransform(-1, 0, 0, 1, canvas.width, 0);
  context.drawImage(frame, 0, 0);
  context.resetTransform();
  const unit = Math.max(canvas.width, canvas.height) / 320;
  context.lineWidth = 2 * unit;
  context.font = `600 ${11 * unit}px system-ui, sans-serif`;
  for (const face of faces) {
    const [left, top, right, bottom] = face.box_xyxy;
    const x = isMirrored ? canvas.width - right : left;
    context.strokeStyle = "#4fd1a1";
    context.strokeRect(x, top, right - left, bottom - top);
    const text = `${face.label} ${percent(face.confidence)}`;
    const y = Math.max(top, 16 * unit);
    context.fillStyle = "#06251a";
    context.fillRect(x - unit, y - 15 * unit, context.measureText(text).width + 8 * unit, 15 * unit);
    context.fillStyle = "#fff";
    context.fillText(text, x + 3 * unit, y - 4 * unit);
  }
  element("empty").hidden = true;
  const descriptions = faces.map((face) => `a face that looks ${face.label}`);
  canvas.setAttribute(
    "aria-label", descriptions.length ? `Image with ${descriptions.join(", ")}` : "No face found");
}

function wipe() {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-label", "No image yet");
  element("empty").hidden = false;
}

const percent = (value) => `${Math.round(100 * value)} %`;

function showLabels(labels) {
  const rows = labels.map((label) => {
    const row = document.createElement("li");
    const name = Object.assign(document.createElement("span"), { textContent: label });
    const meter = Object.assign(document.createElement("meter"), { value: 0 });
    meter.setAttribute("aria-label", label);
    const number = Object.assign(document.createElement("span"), { textContent: "-" });
    row.append(name, meter, number);
    return row;
  });
  element("bars").replaceChildren(...rows);
}

function showResult(faces, ms) {
  const [face] = faces;
  // A camera's label can change many times per second, too often for a screen reader.
  element("label").setAttribute("aria-live", state.stream ? "off" : "polite");
  const more = faces.length > 1 ? `, the highest detector score of ${faces.length} faces` : "";
  element("label").value = face ? face.label : "no face";
  element("confidence").textContent = face
    ? `${percent(face.confidence)}${face.uncertain ? ", uncertain" : ""}${more}` : "";
  [...element("bars").children].forEach((row, k) => {
    const probability = face ? face.probabilities[k] : 0;
    row.querySelector("meter").value = probability;
    row.lastElementChild.textContent = face ? percent(probability) : "-";
  });
  element("speed").textContent =
    `${ms.total.toFixed(1)} ms: detection ${ms.detect.toFixed(1)}, classification ${ms.classify.toFixed(1)}`;
}

function clearResult() {
  element("label").value = "-";
  element("confidence").textContent = "";
  element("speed").textContent = "-";
  showLabels([]);
}

async function startCamera() {
  if (!navigator.mediaDevices) throw new Error("the camera requires https:// or localhost");
  try {
    state.stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: state.facing, width: { ideal: 640 }, height: { ideal: 480 } },
    });
  } catch (error) {
    const reasons = {
      NotAllowedError: "camera access is denied: allow it in the browser's site settings",
      NotFoundError: "no camera was found: choose a photo",
      NotReadableError: "another program is using the camera: close it and start the camera again",
    };
    throw new Error(reasons[error.name] ?? `the camera cannot be started: ${error.message}`);
  }
  state.photo = undefined;
  video.srcObject = state.stream;
  await video.play();
  element("camera").textContent = "Stop camera";
  element("flip").disabled = false;
  loop(state.stream);
}

function stopCamera() {
  state.stream?.getTracks().forEach((track) => track.stop());
  state.stream = undefined;
  video.srcObject = null;
  element("camera").textContent = "Start camera";
  element("flip").disabled = true;
}

/** Recognize the latest frame repeatedly until the camera stops. */
async function loop(stream) {
  // The browser may open another camera than requested. Only a front camera is mirrored.
  const facing = stream.getVideoTracks()[0].getSettings().facingMode ?? state.facing;
  while (state.stream === stream) {
    await nextFrame();
    if (state.stream !== stream || document.hidden) continue;
    try {
      await enqueue(() => recognize(video, facing === "user"));
    } catch (error) {
      stopCamera();
      showError(error);
    }
  }
}

/** Wait for the camera's next frame, or until a hidden page becomes visible. */
function nextFrame() {
  return new Promise((resolve) => {
    if (document.hidden) document.addEventListener("visibilitychange", resolve, { once: true });
    else if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
  });
}

async function openPhoto(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} is not an image that this browser can read`);
  }
}

element("camera").addEventListener("click", () =>
  attempt(async () => (state.stream ? stopCamera() : startCamera())));
element("flip").addEventListener("click", () => attempt(async () => {
  stopCamera();
  state.facing = state.facing === "user" ? "environment" : "user";
  await startCamera();
}));
element("photo").addEventListener("change", (event) => attempt(async () => {
  const [file] = event.target.files;
  if (!file) return;
  const photo = await openPhoto(file);
  event.target.value = "";
  stopCamera();
  state.photo?.close();
  state.photo = photo;
  await enqueue(() => recognize(photo, false));
}));
element("model").addEventListener("change", openModel);
element("accelerator").addEventListener("change", openModel);
addEventListener("pagehide", stopCamera);

/** Cache everything that the page has loaded, so that it also opens offline. */
async function cacheForOffline() {
  try {
    if (!navigator.serviceWorker) throw new Error("this browser has no service workers");
    await navigator.serviceWorker.register("service-worker.js");
    await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
    const own = loaded.filter((url) => new URL(url).origin === location.origin);
    const cache = await caches.open("fer-sdk-web-demo");
    for (const url of new Set([location.href.split(/[?#]/)[0], ...own])) {
      if (!(await cache.match(url))) await cache.add(url);
    }
    element("offline").textContent = "Available offline.";
  } catch (error) {
    element("offline").textContent = `Not available offline: ${error.message}.`;
  }
}

await attempt(async () => {
  state.files = await Export.open(new URL("export/", import.meta.url).pathname);
  element("model").replaceChildren(
    ...state.files.models.map(({ name }) => new Option(name, name)));
  await openModel();
});
