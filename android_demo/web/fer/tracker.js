// The JavaScript implementation of fer_sdk/video/tracker.py, whose docstring states the rules; all
// implementations are tested on tests/golden/tracks.json.
//
// A box is [left, top, right, bottom] in pixels.

/** Default limits for two boxes to be the same face, as Python's TrackingSettings. */
export const TRACKING = Object.freeze({
  /** Seconds without a detection after which a track ends. */
  max_gap_s: 1,
  /** Least intersection over union, above 0 to 1, of two boxes of the same face. */
  min_iou: 0.3,
  /** Largest distance between the centres of boxes that overlap less, in sizes of the face. */
  max_shift: 0.6,
});
/** A box that shares more than this part of the smaller one's area with an earlier box is a duplicate. */
export const DUPLICATE_ABOVE = 0.6;
/** Most that a face grows or shrinks between two boxes without overlap. */
export const MAX_GROWTH = 2;

/** Assigns the boxes of each frame to tracks. */
export class FaceTracker {
  /**
   * Start without a track.
   *
   * @param {object} settings Replaces values of `TRACKING`.
   * @throws {Error} If a value is out of range.
   */
  constructor(settings = {}) {
    this.settings = { ...TRACKING, ...settings };
    const { max_gap_s, min_iou, max_shift } = this.settings;
    if (!(max_gap_s >= 0 && max_gap_s < Infinity)) {
      throw new Error(`max_gap_s must be 0 or more seconds, but is ${max_gap_s}`);
    }
    if (!(min_iou > 0 && min_iou <= 1)) {
      throw new Error(`min_iou must be above 0 and at most 1, but is ${min_iou}`);
    }
    if (!(max_shift >= 0 && max_shift < Infinity)) {
      throw new Error(`max_shift must be 0 or more, but is ${max_shift}`);
    }
    this.begun = 0;
    /** Tracks that have not ended, in ascending order of id: {id, box, seenS}. */
    this.tracks = [];
  }

  /**
   * Assign the boxes of a frame.
   *
   * @param {number[][]} boxes In order of preference: of duplicates, the first is kept.
   * @param {number} timeS Time of the frame in seconds, not before the previous one's.
   * @param {boolean} mayBegin Whether an unmatched box starts a track.
   * @returns {(number | null)[]} One id for each box; null for duplicates, and for unmatched boxes that
   *   start no track.
   */
  update(boxes, timeS, mayBegin = true) {
    const { max_gap_s, min_iou, max_shift } = this.settings;
    this.tracks = this.tracks.filter(({ seenS }) => timeS - seenS <= max_gap_s);
    const ids = boxes.map(() => null);
    const free = new Set(withoutDuplicates(boxes));
    const match = (costOf, most) => {
      const pairs = this.tracks.flatMap(({ id, box }) =>
        boxes.map((other, number) => ({ cost: costOf(box, other), id, number })));
      pairs.filter(({ cost }) => cost <= most)
        .sort((a, b) => a.cost - b.cost || a.id - b.id || a.number - b.number)
        .forEach(({ id, number }) => {
          if (free.has(number) && !ids.includes(id)) {
            ids[number] = id;
            free.delete(number);
          }
        });
    };
    match((box, other) => -iou(box, other), -min_iou);
    match(shift, max_shift);
    if (mayBegin) for (const number of free) ids[number] = ++this.begun;
    ids.forEach((id, number) => {
      if (id === null) return;
      const track = { id, box: boxes[number], seenS: timeS };
      const at = this.tracks.findIndex((other) => other.id === id);
      if (at < 0) this.tracks.push(track);
      else this.tracks[at] = track;
    });
    return ids;
  }
}

/** Return the intersection over union of two boxes, 0 to 1. */
export function iou(one, other) {
  const common = shared(one, other);
  const covered = area(one) + area(other) - common;
  return covered > 0 ? common / covered : 0;
}

/** Return the indices of the boxes that are no duplicates of an earlier one. */
function withoutDuplicates(boxes) {
  const kept = [];
  boxes.forEach((box, number) => {
    const isDuplicate = (earlier) =>
      shared(box, boxes[earlier]) > DUPLICATE_ABOVE * Math.min(area(box), area(boxes[earlier]));
    if (!kept.some(isDuplicate)) kept.push(number);
  });
  return kept;
}

/** Return the distance between the centres in mean sizes; Infinity if the sizes differ too much. */
function shift(one, other) {
  const [old, current] = [size(one), size(other)];
  const larger = Math.max(old, current);
  if (!(larger > 0 && larger <= MAX_GROWTH * Math.min(old, current))) return Infinity;
  const across = (one[0] + one[2] - other[0] - other[2]) / 2;
  const down = (one[1] + one[3] - other[1] - other[3]) / 2;
  return Math.hypot(across, down) / ((old + current) / 2);
}

function shared(one, other) {
  const across = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const down = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  return across > 0 && down > 0 ? across * down : 0;
}

function area(box) {
  return (box[2] - box[0]) * (box[3] - box[1]);
}

function size(box) {
  return Math.sqrt(Math.max(area(box), 0));
}
