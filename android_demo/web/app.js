// The page: camera or photo in; box, label and milliseconds out.

import { Export } from "./fer/bundle.js";
import { describe, runtimeBytes } from "./fer/engine.js";
import { Recognizer } from "./fer/recognizer.js";

const MAX_SIDE = 1600; // pixels of a photo's longer side: larger ones are shrunk before the search
const element = (id) => document.getElementById(id);
const canvas = element("picture");
const frame = document.createElement("canvas");
const pixels = frame.getContext("2d", { willReadFrequently: true });
const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });

const state = {
  files: undefined, // what was exported
  recognizer: undefined,
  stream: undefined, // the camera's, while it runs
  facing: "user",
  photo: undefined, // the last one, to be looked at again with another model
  frames: 0,
};

/** What a test or a curious reader can look at. */
export const counters = () => ({
  frames: state.frames,
  runtimeBytes: state.recognizer ? runtimeBytes() : 0,
});

function say(text) {
  element("status").textContent = text;
}

function complain(error) {
  element("problem").textContent = error ? error.message : "";
  element("problem").hidden = !error;
}

/** Run a step; what goes wrong is shown and never replaced by something else. */
async function attempt(step) {
  complain();
  try {
    await step();
  } catch (error) {
    console.error(error);
    complain(error);
  }
}

// One thing at a time: a model is never freed while it looks at a picture.
let last = Promise.resolve();
function inTurn(step) {
  last = last.then(step, step);
  return last;
}

function wanted() {
  return {
    accelerator: document.querySelector("[name=accelerator]:checked").value,
    model: state.files.models.find((model) => model.name === element("model").value),
  };
}

function enable(isReady) {
  element("camera").disabled = !isReady;
  element("photo").disabled = !isReady;
}

/** Open the chosen model on the chosen accelerator; without it there is none. */
function openModel() {
  return inTurn(async () => {
    const { accelerator, model } = wanted();
    enable(false);
    state.recognizer?.close();
    state.recognizer = undefined;
    say(`Loading ${model.name}...`);
    clearAnswer();
    await attempt(async () => {
      try {
        state.recognizer = await Recognizer.open(state.files, model, accelerator);
      } catch (error) {
        stopCamera();
        wipe();
        say("No model is running.");
        throw error;
      }
      showLabels(state.recognizer.sidecar.labels);
      say(`${model.name} on ${describe(accelerator)}`);
      enable(true);
      keepForOffline(); // goes on beside
      if (!state.stream && state.photo) await lookAt(state.photo, false);
    });
  });
}

/** Recognise one picture and draw it with its faces. */
async function lookAt(source, isMirrored) {
  const [width, height] = [source.videoWidth ?? source.width, source.videoHeight ?? source.height];
  if (!width || !state.recognizer) return;
  const shrink = Math.min(1, MAX_SIDE / Math.max(width, height));
  resize(frame, Math.max(1, Math.round(width * shrink)), Math.max(1, Math.round(height * shrink)));
  pixels.drawImage(source, 0, 0, frame.width, frame.height);
  const image = pixels.getImageData(0, 0, frame.width, frame.height);
  const { faces, ms } = await state.recognizer.recognize(image);
  state.frames += 1;
  draw(faces, isMirrored);
  showAnswer(faces, ms);
}

/** Give a canvas its size, if it has another: each time costs a new buffer. */
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
  const words = faces.map((face) => `a face that looks ${face.label}`);
  canvas.setAttribute("aria-label", words.length ? `Picture with ${words.join(", ")}` : "No face found");
}

function wipe() {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-label", "No picture yet");
  element("empty").hidden = false;
}

const percent = (share) => `${Math.round(100 * share)} %`;

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

function showAnswer(faces, ms) {
  const [face] = faces;
  // A camera's label may change many times a second: too often to be read out.
  element("label").setAttribute("aria-live", state.stream ? "off" : "polite");
  const more = faces.length > 1 ? `, the surest of ${faces.length} faces` : "";
  element("label").value = face ? face.label : "no face";
  element("confidence").textContent = face
    ? `${percent(face.confidence)}${face.uncertain ? ", uncertain" : ""}${more}` : "";
  [...element("bars").children].forEach((row, k) => {
    const share = face ? face.probabilities[k] : 0;
    row.querySelector("meter").value = share;
    row.lastElementChild.textContent = face ? percent(share) : "-";
  });
  element("speed").textContent =
    `${ms.total.toFixed(1)} ms: finding ${ms.detect.toFixed(1)}, naming ${ms.classify.toFixed(1)}`;
}

function clearAnswer() {
  element("label").value = "-";
  element("confidence").textContent = "";
  element("speed").textContent = "-";
  showLabels([]);
}

async function startCamera() {
  if (!navigator.mediaDevices) throw new Error("the camera needs https:// or localhost");
  try {
    state.stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: state.facing, width: { ideal: 640 }, height: { ideal: 480 } },
    });
  } catch (error) {
    const reasons = {
      NotAllowedError: "the camera is not allowed here: allow it in the browser's site settings",
      NotFoundError: "there is no camera: choose a photo",
      NotReadableError: "another program uses the camera: close it and start again",
    };
    throw new Error(reasons[error.name] ?? `the camera does not start: ${error.message}`);
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

/** Look at the newest frame, over and over, until the camera stops. */
async function loop(stream) {
  // What the camera really faces, where it says so: a back camera's picture is not mirrored.
  const facing = stream.getVideoTracks()[0].getSettings().facingMode ?? state.facing;
  while (state.stream === stream) {
    await nextFrame();
    if (state.stream !== stream || document.hidden) continue;
    try {
      await inTurn(() => lookAt(video, facing === "user"));
    } catch (error) {
      stopCamera();
      complain(error);
    }
  }
}

/** Wait for the camera's next frame; a hidden page waits until it is seen again. */
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
    throw new Error(`${file.name} is not a photo that this browser can read`);
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
  await inTurn(() => lookAt(photo, false));
}));
element("model").addEventListener("change", openModel);
element("accelerator").addEventListener("change", openModel);
addEventListener("pagehide", stopCamera);

/** Keep everything that the page has loaded, so that it opens again without a network. */
async function keepForOffline() {
  try {
    if (!navigator.serviceWorker) throw new Error("this browser keeps no pages");
    await navigator.serviceWorker.register("service-worker.js");
    await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
    const own = loaded.filter((url) => new URL(url).origin === location.origin);
    const cache = await caches.open("fer-sdk-web-demo");
    for (const url of new Set([location.href.split(/[?#]/)[0], ...own])) {
      if (!(await cache.match(url))) await cache.add(url);
    }
    element("offline").textContent = "Ready for offline use.";
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
