// The page: recognizes expressions in camera frames and photos and shows boxes, labels and timings.

import { WorkerRecognizer, modelNames } from "./fer/index.js";
import { nextFrame, startStream, stopStream } from "./camera.js";
import { cachedModels, controlPage } from "./offline.js";
import { clearPicture, drawPicture } from "./picture.js";
import { clearResult, countFrame, showChange, showLabels, showResult } from "./result.js";

const ASSETS = "fer/assets/";
const MAX_SIDE = 1600; // longer side in pixels; larger photos are downscaled before detection
const REST_SECONDS = 3;
const element = (id) => document.getElementById(id);

const state = {
  recognizer: undefined,
  stream: undefined, // the camera's MediaStream while it runs
  facing: "user",
  photo: undefined, // the last photo, recognized again when another model is chosen
  measuresRest: false,
  frames: 0,
};

/** Return counters for tests: recognized frames, and bytes of the runtime's memory. */
export const counters = async () => ({
  frames: state.frames,
  runtimeBytes: state.recognizer ? await state.recognizer.memoryBytes() : 0,
});

function showStatus(text) {
  element("status").textContent = text;
}

function showError(error) {
  element("problem").textContent = error ? error.message : "";
  element("problem").hidden = !error;
}

/** Shorten the notice to a line that stays; a click opens it again. */
function shortenNotice(line) {
  element("notice").open = false;
  element("notice-line").textContent = line;
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

function enable(isReady) {
  for (const id of ["camera", "photo", "sample"]) element(id).disabled = !isReady;
  element("rest").disabled = !isReady || !state.stream;
}

/** Open the selected model on the selected accelerator. There is no fallback. */
function openModel() {
  return enqueue(async () => {
    const accelerator = document.querySelector("[name=accelerator]:checked").value;
    const model = element("model").value;
    enable(false);
    state.recognizer?.close();
    state.recognizer = undefined;
    state.measuresRest = false;
    showStatus(`Loading ${model}...`);
    clearResult();
    await attempt(async () => {
      try {
        state.recognizer = await WorkerRecognizer.open({ assets: ASSETS, model, accelerator });
      } catch (error) {
        stopCamera();
        clearPicture();
        showStatus("No model is running.");
        throw await explained(error, model);
      }
      showLabels(state.recognizer.labels);
      showStatus(`${model} on ${state.recognizer.device}`);
      enable(true);
      await showOffline();
      if (!state.stream) await recognizePhoto();
    });
  });
}

/** Return the error, or what to do if a model's file can be loaded neither from the network nor from here. */
async function explained(error, model) {
  if (!error.message.includes("cannot be loaded")) return error;
  const others = (await cachedModels(ASSETS)).filter((name) => name !== model);
  const choice = others.length ? `, or choose ${others.join(" or ")}, which this browser has kept` : "";
  return new Error(`${model} cannot be loaded without a network: connect${choice}`);
}

async function showOffline() {
  const names = await cachedModels(ASSETS);
  if (names.length) element("offline").textContent = `Available offline with ${names.join(", ")}.`;
}

/** Recognize the photo again and show it, unless its model failed to load: the next one recognizes it. */
async function recognizePhoto() {
  if (!state.recognizer || !state.photo) return;
  const image = await createImageBitmap(state.photo); // the worker takes the copy
  const { faces, ms, image: returned } = await state.recognizer.recognize(image);
  show(returned, faces, ms, false);
}

/** Recognize the camera's present frame and show it, unless the camera was stopped meanwhile. */
async function recognizeFrame(stream, video, isMirrored) {
  if (!video.videoWidth || !state.recognizer) return;
  if (state.measuresRest) {
    state.measuresRest = false;
    await state.recognizer.measureBaseline(REST_SECONDS);
  }
  const image = await createImageBitmap(video);
  const { faces, ms, image: returned } =
    await state.recognizer.recognizeFrame(image, performance.now() / 1000);
  if (state.stream !== stream) return returned.close();
  show(returned, faces, ms, isMirrored);
  showChange(faces[0], state.recognizer.labels);
}

function show(image, faces, ms, isMirrored) {
  state.frames += 1;
  drawPicture(image, faces, isMirrored);
  image.close();
  showResult(faces, ms, state.stream ? countFrame() : undefined);
}

async function startCamera() {
  const stream = await startStream(state.facing);
  state.stream = stream;
  state.photo?.close();
  state.photo = undefined;
  element("camera").textContent = "Stop camera";
  element("flip").disabled = element("rest").disabled = false;
  shortenNotice("Camera on: facial expressions are estimated on this device.");
  scrollTo({ top: 0 }); // on a small screen, to where the result appears
  runCamera(stream);
}

function stopCamera() {
  if (!state.stream) return;
  stopStream(state.stream);
  state.stream = undefined;
  state.measuresRest = false;
  element("camera").textContent = "Start camera";
  element("flip").disabled = element("rest").disabled = true;
  shortenNotice("Camera off.");
  showChange();
}

/** Recognize the latest frame repeatedly until the camera stops. */
async function runCamera(stream) {
  // The browser may open another camera than requested. Only a front camera is mirrored.
  const facing = stream.getVideoTracks()[0].getSettings().facingMode ?? state.facing;
  await enqueue(() => state.recognizer?.reset());
  while (state.stream === stream) {
    const video = await nextFrame();
    if (state.stream !== stream || document.hidden) continue;
    try {
      await enqueue(() => (state.stream === stream ? recognizeFrame(stream, video, facing === "user") : undefined));
    } catch (error) {
      stopCamera();
      showError(error);
    }
  }
}

/** Decode an image; returns a bitmap of at most `MAX_SIDE` pixels. */
async function decoded(blob, name) {
  let image;
  try {
    image = await createImageBitmap(blob);
  } catch {
    throw new Error(`${name} is not an image that this browser can read`);
  }
  const shrink = MAX_SIDE / Math.max(image.width, image.height);
  if (shrink >= 1) return image;
  const [resizeWidth, resizeHeight] =
    [image.width, image.height].map((side) => Math.max(1, Math.round(side * shrink)));
  const smaller = await createImageBitmap(image, { resizeWidth, resizeHeight, resizeQuality: "high" });
  image.close();
  return smaller;
}

async function showPhoto(blob, name) {
  const photo = await decoded(blob, name);
  stopCamera();
  state.photo?.close();
  state.photo = photo;
  shortenNotice("Photo: facial expressions are estimated on this device.");
  scrollTo({ top: 0 });
  await enqueue(recognizePhoto);
}

element("camera").addEventListener("click", () =>
  attempt(async () => (state.stream ? stopCamera() : startCamera())));
element("flip").addEventListener("click", () => attempt(async () => {
  stopCamera();
  state.facing = state.facing === "user" ? "environment" : "user";
  await startCamera();
}));
element("rest").addEventListener("click", () => {
  state.measuresRest = true;
});
element("photo").addEventListener("change", (event) => attempt(async () => {
  const [file] = event.target.files;
  if (!file) return;
  event.target.value = "";
  await showPhoto(file, file.name);
}));
element("sample").addEventListener("click", () => attempt(async () => {
  const response = await fetch("sample.png").catch(() => undefined);
  if (!response?.ok) throw new Error("the sample photo cannot be loaded: is there a network connection?");
  await showPhoto(await response.blob(), "the sample photo");
}));
element("model").addEventListener("change", openModel);
element("accelerator").addEventListener("change", openModel);
addEventListener("pagehide", stopCamera);

await attempt(async () => {
  await controlPage().catch((error) => {
    element("offline").textContent = `Not available offline: ${error.message}.`;
  });
  element("model").replaceChildren(...(await modelNames(ASSETS)).map((name) => new Option(name, name)));
  await openModel();
});
