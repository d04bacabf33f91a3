"""Face tracking: boxes are assigned to tracks by overlap, then by distance.

The Kotlin version computes the same; both pass tests/golden/tracks.json. For a frame
at time t, with its boxes in order of preference:

1. a track whose last box is more than `max_gap_s` old ends;
2. a box that shares more than `DOUBLE_ABOVE` of the smaller one's area with an earlier box of the
   frame is a duplicate detection and gets no id;
3. pairs of a track and a box whose IoU (area shared over area covered) is at least `min_iou` are
   matched, largest IoU first;
4. of the rest, pairs whose centres are at most `max_shift` sizes apart are matched, nearest first,
   if neither size exceeds `MOST_GROWTH` times the other. A box's size is the square root of its
   area; the distance is divided by the mean of both sizes;
5. each unmatched box starts a track with the next id, if `may_begin` is set.

Ties are resolved in the order of ids, then of boxes. Ids count from 1 and are never reused.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fer_sdk.errors import InputError

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""

DOUBLE_ABOVE: Final = 0.6
MOST_GROWTH: Final = 2.0


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """Search interval of the detector and limits for matching boxes to tracks.

    Attributes:
        detect_every: Frames from one search of the full frame to the next; a lost track triggers a
            search at once. 1 searches every frame.
        max_gap_s: Seconds without a detection after which a track ends; the face gets a new id when
            it returns.
        min_iou: Least IoU, above 0 to 1, of two boxes of the same face.
        max_shift: Largest distance between the centres, in sizes of the face, of two boxes of the
            same face with a smaller IoU.
    """

    detect_every: int = 12
    max_gap_s: float = 1.0
    min_iou: float = 0.3
    max_shift: float = 0.6

    def __post_init__(self) -> None:
        if self.detect_every < 1:
            raise InputError(f"detect_every must be 1 frame or more, but is {self.detect_every}")
        if not 0 <= self.max_gap_s < math.inf:
            raise InputError(f"max_gap_s must be 0 or more seconds, but is {self.max_gap_s}")
        if not 0 < self.min_iou <= 1:
            raise InputError(f"min_iou must be above 0 and at most 1, but is {self.min_iou}")
        if not 0 <= self.max_shift < math.inf:
            raise InputError(f"max_shift must be 0 or more, but is {self.max_shift}")


@dataclass(frozen=True, slots=True)
class Track:
    """A tracked face: its id, last box, and the time in seconds and frame of that box."""

    id: int
    box_xyxy: Box
    seen_s: float
    seen_frame: int


class FaceTracker:
    """Assigns the boxes of each frame to tracks."""

    def __init__(self, settings: TrackingSettings, *, max_gap_frames: int = 0) -> None:
        """Start without a track.

        Args:
            settings: Limits for matching.
            max_gap_frames: A track does not end before this number of frames, however long they
                take. The Kotlin version has no such limit; 0 computes the same.
        """
        self._max_gap_frames = max_gap_frames
        self._settings = settings
        self._tracks: dict[int, Track] = {}
        self._begun = 0
        self._frame = 0

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Tracks that have not ended, in ascending order of id."""
        return tuple(self._tracks.values())

    def end_old(self, time_s: float) -> None:
        """End the tracks whose last box is too old at the time of the next frame."""
        gap_s, gap_frames = self._settings.max_gap_s, self._max_gap_frames
        self._tracks = {
            t.id: t
            for t in self.tracks
            if time_s - t.seen_s <= gap_s or self._frame - t.seen_frame <= gap_frames
        }

    def update(
        self, boxes: Sequence[Box], time_s: float, *, may_begin: bool
    ) -> tuple[int | None, ...]:
        """Assign the boxes of a frame.

        Args:
            boxes: Boxes of the detected faces; of duplicates, the first is kept.
            time_s: Time of the frame in seconds, not before the previous one's.
            may_begin: Whether an unmatched box starts a track.

        Returns:
            One id per box; None for duplicates and for unmatched boxes that start no track.
        """
        self.end_old(time_s)
        ids: list[int | None] = [None] * len(boxes)
        free = _without_doubles(boxes)
        for pairs in (self._overlapping(boxes), self._close(boxes)):
            for _, track, number in sorted(pairs):
                if number in free and track not in ids:
                    ids[number] = track
                    free.remove(number)
        if may_begin:
            for number in free:
                self._begun += 1
                ids[number] = self._begun
        for track_id, box in zip(ids, boxes, strict=True):
            if track_id is not None:
                self._tracks[track_id] = Track(track_id, box, time_s, self._frame)
        self._frame += 1
        return tuple(ids)

    def unseen(self, boxes: Sequence[Box]) -> tuple[Track, ...]:
        """Return the tracks with an IoU below `min_iou` to every box."""
        least = self._settings.min_iou
        return tuple(t for t in self.tracks if all(iou(t.box_xyxy, box) < least for box in boxes))

    def _overlapping(self, boxes: Sequence[Box]) -> Iterable[tuple[float, int, int]]:
        for track in self.tracks:
            for number, box in enumerate(boxes):
                overlap = iou(track.box_xyxy, box)
                if overlap >= self._settings.min_iou:
                    yield -overlap, track.id, number

    def _close(self, boxes: Sequence[Box]) -> Iterable[tuple[float, int, int]]:
        for track in self.tracks:
            for number, box in enumerate(boxes):
                old, new = _size(track.box_xyxy), _size(box)
                if not 0 < max(old, new) <= MOST_GROWTH * min(old, new):
                    continue
                shift = _between_centres(track.box_xyxy, box) / ((old + new) / 2)
                if shift <= self._settings.max_shift:
                    yield shift, track.id, number


def iou(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes, 0 to 1."""
    shared = _shared(one, other)
    covered = _area(one) + _area(other) - shared
    return shared / covered if covered > 0 else 0.0


def _without_doubles(boxes: Sequence[Box]) -> list[int]:
    """Return the indices of the boxes that are no duplicates of an earlier one."""
    kept: list[int] = []
    for number, box in enumerate(boxes):
        if not any(_double(box, boxes[earlier]) for earlier in kept):
            kept.append(number)
    return kept


def _double(one: Box, other: Box) -> bool:
    return _shared(one, other) > DOUBLE_ABOVE * min(_area(one), _area(other))


def _shared(one: Box, other: Box) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across * down if across > 0 and down > 0 else 0.0


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _size(box: Box) -> float:
    return math.sqrt(max(_area(box), 0.0))


def _between_centres(one: Box, other: Box) -> float:
    across = (one[0] + one[2] - other[0] - other[2]) / 2
    down = (one[1] + one[3] - other[1] - other[3]) / 2
    return math.hypot(across, down)
