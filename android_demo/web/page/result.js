// The result beside the image: label, probabilities, change from the resting face, timings.

const element = (id) => document.getElementById(id);
const percent = (value) => `${Math.round(100 * value)} %`;
let times = []; // of the camera's frames in the last second, at least of two, in ms

/** Count a frame of the camera; returns frames a second, or undefined for the first frame. */
export function countFrame() {
  const now = performance.now();
  if (now - times.at(-1) > 5000) times = []; // the camera was off
  times.push(now);
  while (times.length > 2 && now - times[0] > 1000) times.shift();
  return times.length > 1 ? (1000 * (times.length - 1)) / (now - times[0]) : undefined;
}

/** Show a row for each label. */
export function showLabels(labels) {
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

/**
 * Show the first face.
 *
 * @param {object[]} faces
 * @param {{detect: number, classify: number, total: number}} ms
 * @param {number | undefined} rate Frames a second.
 */
export function showResult(faces, ms, rate) {
  const [face] = faces;
  const isCamera = face?.id !== undefined;
  // A camera's label can change many times per second, too often for a screen reader.
  element("label").setAttribute("aria-live", isCamera ? "off" : "polite");
  const which = isCamera ? "the first" : "the highest detector score";
  const more = faces.length > 1 ? `, ${which} of ${faces.length} faces` : "";
  element("label").value = face ? face.label : "no face";
  element("confidence").textContent = face
    ? `${percent(face.confidence)}${face.uncertain ? ", uncertain" : ""}${more}` : "";
  [...element("bars").children].forEach((row, k) => {
    const probability = face ? face.probabilities[k] : 0;
    row.querySelector("meter").value = probability;
    row.lastElementChild.textContent = face ? percent(probability) : "-";
  });
  const parts = `detection ${ms.detect.toFixed(1)}, classification ${ms.classify.toFixed(1)}`;
  const frames = rate === undefined ? "" : `; ${rate.toFixed(rate < 10 ? 1 : 0)} frames/s`;
  element("speed").textContent = `${ms.total.toFixed(1)} ms: ${parts}${frames}`;
}

/**
 * Show the countdown of a measurement of the resting face, or the change from it; nothing without either.
 *
 * @param {object} [face] Of the camera.
 * @param {string[]} [labels]
 */
export function showChange(face, labels) {
  const text = face && labels ? changeText(face, labels) : "";
  // Writing the same text again would make screen readers repeat it.
  if (element("change").textContent !== text) element("change").textContent = text;
  element("change").hidden = !text;
}

function changeText({ measuring, baseline, change, changed_to, quality }, labels) {
  if (measuring) {
    if (quality.reasons.length) return `This face cannot be measured, ${quality.reasons[0]}.`;
    return `Look into the camera with a relaxed face: ${Math.ceil(measuring.left_s)} s`;
  }
  if (!baseline) return "";
  if (baseline.reasons.length) return `Measure the resting face again: ${baseline.reasons[0]}.`;
  if (!change) return "Against your resting face: the image is not suitable.";
  const rise = change[labels.indexOf("happy")];
  const sign = rise < 0 ? "\u2212" : "+";
  const verdict = changed_to ? `changed to ${changed_to}` : "no change";
  return `Against your resting face: ${verdict} (happy ${sign}${Math.abs(rise).toFixed(1)})`;
}

/** Remove the result. */
export function clearResult() {
  times = [];
  element("label").value = "-";
  element("confidence").textContent = "";
  element("speed").textContent = "-";
  showChange();
  showLabels([]);
}
