// fer-sdk-web: facial-expression recognition in the browser.

export { BALANCED, TRAINING, priorOf } from "./prior.js";
export {
  BaselineCollector, CHANGES, ChangeTracker, MAX_SPREAD, MIN_FACES, baselineReasons,
} from "./baseline.js";
export { FaceTracker, TRACKING } from "./tracker.js";
export { LIMITS } from "./quality.js";
export { SMOOTHING, Smoother } from "./smoother.js";
export { WorkerRecognizer, modelNames } from "./worker_recognizer.js";
