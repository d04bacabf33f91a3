/** Facial-expression recognition in the browser; the models run in a worker. */

/** x and y in pixels; [0, 0] is the centre of the top left pixel. */
export type Point = [number, number];
/** Left, top, right, bottom in pixels; may extend beyond the image. */
export type Box = [number, number, number, number];
export type Accelerator = "wasm" | "webgpu";
/** A bitmap is moved to the worker and comes back in the result. */
export type Picture = ImageBitmap | ImageData;

/** How suitable the image of a face is. */
export interface Quality {
  /** Side of the square crop around the face, in pixels of the image. */
  size_px: number;
  sharpness: number;
  yaw_degrees: number;
  pitch_degrees: number;
  roll_degrees: number;
  /** One line for each exceeded limit; empty for a suitable face. */
  reasons: string[];
}

/** A face in a photo. */
export interface Face {
  box_xyxy: Box;
  /** The detector's confidence, 0 to 1. */
  score: number;
  right_eye: Point;
  left_eye: Point;
  nose: Point;
  /** Middle of the mouth. */
  mouth: Point;
  label: string;
  /** Probability of the label, 0 to 1. */
  confidence: number;
  /** Whether the confidence is below the model's threshold. */
  uncertain: boolean;
  /** One for each of the recognizer's labels; sum 1. */
  probabilities: number[];
  quality: Quality;
}

/** The log-odds of a person's resting face against neutral; valid for one model. */
export interface Baseline {
  labels: string[];
  log_odds: number[];
  /** Robust deviation of each label's log-odds; 0 for a single face. */
  spread: number[];
  faces: number;
  /** Faces left out because of their quality. */
  refused: number;
  sharpness: number;
}

/** A face in a stream: label, confidence and probabilities are smoothed. */
export interface TrackedFace extends Face {
  /** From 1; constant while the face is tracked. */
  id: number;
  raw_label: string;
  raw_probabilities: number[];
  /** Smoothed rise of each label's log-odds over the person's resting face; null without a baseline. */
  change: number[] | null;
  /** The label that the face changed to, or null. */
  changed_to: string | null;
  /** Progress of a measurement that `measureBaseline` began; null if there is none. */
  measuring: { left_s: number; faces: number } | null;
  /** The measured baseline; `reasons` has one line for each reason to measure it again. */
  baseline: (Baseline & { reasons: string[] }) | null;
}

/** Milliseconds in the worker. */
export interface Timings {
  detect: number;
  classify: number;
  total: number;
}

export interface Result<F extends Face = Face> {
  faces: F[];
  ms: Timings;
  /** The bitmap that was given; undefined for ImageData. */
  image: ImageBitmap | undefined;
}

export interface TrackingSettings {
  max_gap_s: number;
  min_iou: number;
  max_shift: number;
}

export interface SmoothingSettings {
  time_constant_s: number;
  margin: number;
}

export interface ChangeSettings {
  threshold: number;
  margin: number;
  time_constant_s: number;
  hold_s: number;
  labels: readonly string[];
  min_sharpness: number;
}

export interface QualityLimits {
  min_size_px: number;
  min_sharpness: number;
  max_turn_degrees: number;
}

export interface Options {
  /** URL, relative to the page, of a copy of the package's folder `assets`. */
  assets: string | URL;
  /** URL of another export of `fer-convert --android`; by default `assets`. */
  models?: string | URL;
  /** Name of a model; by default the first of `modelNames`. */
  model?: string;
  /** By default "wasm". There is no fallback. */
  accelerator?: Accelerator;
  tracking?: Partial<TrackingSettings>;
  smoothing?: Partial<SmoothingSettings>;
  changes?: Partial<ChangeSettings>;
}

/** Return the names of the models in a folder of assets, the default one first. */
export function modelNames(assets: string | URL): Promise<string[]>;

/** Recognizes the expressions of faces in a worker. Calls are processed one after another. */
export class WorkerRecognizer {
  private constructor(worker: Worker);
  /** Start a worker, load a model in it and warm it up. */
  static open(options: Options): Promise<WorkerRecognizer>;
  readonly model: string;
  readonly labels: string[];
  readonly accelerator: Accelerator;
  /** Name of the accelerator for display; a software renderer is marked as such. */
  readonly device: string;
  /** Files of the model and the detector, relative to the folder of models. */
  readonly files: string[];
  /** Recognize the faces of a photo, the highest detector score first. */
  recognize(image: Picture): Promise<Result>;
  /** Recognize the next frame of a stream; `timeS` in seconds, not before the previous frame. */
  recognizeFrame(image: Picture, timeS: number): Promise<Result<TrackedFace>>;
  /** Measure the resting faces in the stream from the next frame on; by default for 3 seconds. */
  measureBaseline(seconds?: number): Promise<void>;
  /** Forget all faces and baselines. */
  reset(): Promise<void>;
  /** Return the size of the WebAssembly memory in bytes. */
  memoryBytes(): Promise<number>;
  /** End the worker and free its memory; may be called twice. */
  close(): void;
}

export const TRACKING: Readonly<TrackingSettings>;
export const SMOOTHING: Readonly<SmoothingSettings>;
export const CHANGES: Readonly<ChangeSettings>;
export const LIMITS: Readonly<QualityLimits>;
/** Fewest faces of a sure baseline. */
export const MIN_FACES: number;
/** Largest spread of a sure baseline. */
export const MAX_SPREAD: number;
/** Prior: the class frequencies of the training data. */
export const TRAINING: "training";
/** Prior: all classes equally frequent. */
export const BALANCED: "balanced";

export interface Prior {
  offsets: number[];
  temperature: number;
}

/** Return the offsets and the temperature of a prior, or of a share for every label. */
export function priorOf(
  sidecar: {
    labels: string[];
    temperature: number;
    priors?: Record<string, Prior>;
    default_prior?: string;
  },
  wanted?: string | Record<string, number>,
): Prior;

/** Assigns the boxes of each frame to tracks. */
export class FaceTracker {
  constructor(settings?: Partial<TrackingSettings>);
  readonly tracks: readonly { id: number; box: Box; seenS: number }[];
  /** Return one id for each box; null for duplicates, and for new faces unless `mayBegin`. */
  update(boxes: readonly Box[], timeS: number, mayBegin?: boolean): (number | null)[];
}

/** Smooths the probabilities and the label of one face. */
export class Smoother {
  constructor(settings?: Partial<SmoothingSettings>);
  readonly probabilities: number[] | undefined;
  /** Index of the smoothed label; -1 before the first `update`. */
  readonly label: number;
  update(probabilities: readonly number[], timeS: number): void;
}

/** Collects the log-odds of a person's resting face. */
export class BaselineCollector {
  constructor(labels: string[]);
  readonly faces: number;
  /** Add a face; returns whether it is suitable. */
  add(probabilities: readonly number[], quality: Quality): boolean;
  baseline(): Baseline;
}

/** Return one line for each reason to measure a baseline again; empty for a sure one. */
export function baselineReasons(baseline: Baseline): string[];

/** Follows the change of one face from a baseline over time. */
export class ChangeTracker {
  constructor(baseline: Baseline, settings?: Partial<ChangeSettings>);
  readonly change: number[] | null;
  readonly changedTo: string | null;
  suits(quality: Quality): boolean;
  update(probabilities: readonly number[], timeS: number, suitable: boolean): void;
}
