// Checked by tsc only: how the types of fer-sdk-web may be used, and how not.

import {
  BaselineCollector, CHANGES, ChangeTracker, FaceTracker, Smoother, WorkerRecognizer, baselineReasons,
  modelNames, priorOf,
} from "fer-sdk-web";
import type { Face, Result, TrackedFace } from "fer-sdk-web";

export async function uses(video: HTMLVideoElement): Promise<string[]> {
  const [name] = await modelNames("fer/");
  const recognizer = await WorkerRecognizer.open({
    assets: new URL("https://example.org/fer/"), model: name, accelerator: "webgpu", changes: { threshold: 1.5 },
  });
  const frame: Result<TrackedFace> = await recognizer.recognizeFrame(await createImageBitmap(video), 0.5);
  frame.image?.close();
  const photo: Result<Face> = await recognizer.recognize(new ImageData(4, 4));
  await recognizer.measureBaseline();
  const [face] = frame.faces;
  const left: number | undefined = face.measuring?.left_s;
  const id: number = face.id;
  // @ts-expect-error A photo's face has no id.
  photo.faces[0].id;
  // @ts-expect-error No such accelerator.
  await WorkerRecognizer.open({ assets: "fer/", accelerator: "cuda" });
  // @ts-expect-error The URL of the assets is required.
  await WorkerRecognizer.open({});
  // @ts-expect-error A frame needs a time.
  await recognizer.recognizeFrame(new ImageData(4, 4));
  // @ts-expect-error Settings are read-only.
  CHANGES.threshold = 1;
  // @ts-expect-error `open` makes recognizers.
  new WorkerRecognizer(new Worker("worker.js"));
  recognizer.close();
  return [face.label, ...face.quality.reasons, String(left), String(id), recognizer.device];
}

export function withoutWorker(labels: string[], face: Face): (string | number | null)[] {
  const collector = new BaselineCollector(labels);
  collector.add(face.probabilities, face.quality);
  const baseline = collector.baseline();
  const changes = new ChangeTracker(baseline, { labels: ["happy"] });
  changes.update(face.probabilities, 1, changes.suits(face.quality));
  const smoother = new Smoother({ margin: 0.1 });
  smoother.update(face.probabilities, 0);
  const [id] = new FaceTracker().update([face.box_xyxy], 0);
  const { temperature } = priorOf({ labels, temperature: 1 }, "training");
  return [changes.changedTo, smoother.label, id, temperature, ...baselineReasons(baseline)];
}
