"""A person's own neutral face, and how far an expression rises above it.

Faces at rest differ: to a model, brows, lids and the corners of the mouth make some people look sad
or stern. The log-odds of a label against neutral, relative to those of the person's own resting
face, depend less on the face (docs/results/baseline.md).

The Kotlin and JavaScript versions compute the same; all pass tests/golden/baseline.json. With
probabilities p of one frame, index r of neutral, and the settings' threshold h and margin m:

1. log-odds of label i: x[i] = log max(p[i], 1e-6) - log max(p[r], 1e-6);
2. baseline over n suitable faces: c[i] is the mean of x[i] without the floor(n / 4) smallest and
   the floor(n / 4) largest values (interquartile mean); spread s[i] = 1.4826 times the median of
   |x[i] - c[i]|, where the median of an even number of values is the mean of the middle two;
3. change d of a suitable face at time t: d = x - c in the first frame, and again in the first one
   that is more than `hold_s` later than the last suitable face; else d[i] becomes
   d[i] + a (x[i] - c[i] - d[i]), where a is the weight of `fer_sdk.video.smoother`;
4. with k the present label or none, and b the one of the settings' labels with the largest d, the
   first in their order if tied: if k is a label with d[k] > h - m, then k becomes b only if
   d[b] > d[k] + m; else k becomes b if d[b] > h, and none otherwise. A restart of step 3 begins
   with none;
5. a face that is not suitable keeps d and k, until the last suitable one is more than `hold_s` old.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk.bundles.prior import Prior
from fer_sdk.classifier import LEAST_PROBABILITY, ExpressionClassifier
from fer_sdk.errors import InputError, shown
from fer_sdk.results import FaceQuality, RecognizedFace, TrackedFace

NEUTRAL: Final = "neutral"
SCHEMA: Final = 1
MEASURED_LABELS: Final = ("happy",)
"""Labels for which the threshold was measured (docs/results/baseline.md)."""

MIN_FACES: Final = 5
"""Fewer faces say nothing about how much the face's log-odds vary."""
MAX_SPREAD: Final = 1.0
"""Half the default threshold: with more, changes of a resting face come close to it."""

_DEVIATION: Final = 1.4826
"""Standard deviation of a normal distribution divided by its median absolute deviation."""


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    """When an expression counts as a change from the person's own neutral.

    Attributes:
        threshold: Rise in log-odds from which on a label counts as a change; above 0.
        margin: The change ends only below threshold - margin; from 0 to below `threshold`.
        time_constant_s: Seconds after which 63 % of a sudden change is visible; 0 disables
            smoothing.
        hold_s: Seconds for which the change is kept while the image of the face is unsuitable.
        labels: Labels that `TrackedFace.changed_to` may name. The default threshold was measured
            for "happy" only; `TrackedFace.change` has all labels.
        min_sharpness: Least sharpness of a suitable face, as a share of the baseline's: blur makes
            some faces look happier.
    """

    threshold: float = 2.0
    margin: float = 0.5
    time_constant_s: float = 0.15
    hold_s: float = 0.5
    labels: tuple[str, ...] = MEASURED_LABELS
    min_sharpness: float = 0.75

    def __post_init__(self) -> None:
        if not 0 < self.threshold < math.inf:
            raise InputError(f"threshold must be above 0, but is {self.threshold}")
        if not 0 <= self.margin < self.threshold:
            raise InputError(f"margin must be from 0 to below the threshold, but is {self.margin}")
        for name in ("time_constant_s", "hold_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} must be 0 or more seconds, but is {getattr(self, name)}")
        if not 0 <= self.min_sharpness <= 1:
            raise InputError(f"min_sharpness must be from 0 to 1, but is {self.min_sharpness}")
        if not self.labels or NEUTRAL in self.labels:
            raise InputError(
                f"labels must be at least one label other than neutral, but are {self.labels}"
            )


@dataclass(frozen=True, slots=True)
class Baseline:
    """The log-odds of a person's resting face; valid for one model under one class prior.

    It lives in memory only, unless `save` is called. It describes a person's face: ask before you
    measure or store it.

    Attributes:
        labels: All labels of the model.
        log_odds: Natural logarithm of each label's probability divided by neutral's: a robust mean
            over the faces.
        spread: Robust standard deviation of each label's log-odds; 0 for a single face.
        faces: Number of suitable faces that it was computed from.
        refused: Number of faces that were left out because of their quality.
        sharpness: Median sharpness of the faces, see `FaceQuality`.
        model: SHA-256 of the model file.
        prior: Class prior of the probabilities.
    """

    labels: tuple[str, ...]
    log_odds: tuple[float, ...]
    spread: tuple[float, ...]
    faces: int
    refused: int
    sharpness: float
    model: str
    prior: Prior

    @classmethod
    def from_faces(
        cls, faces: Iterable[RecognizedFace], classifier: ExpressionClassifier
    ) -> "Baseline":
        """Compute the baseline of a person from one resting face or several.

        Args:
            faces: Faces of one person, such as `ImageResult.faces` of a photo, or the faces with
                one id in the results of a few seconds of video. Those that `FaceQuality` calls
                unsuitable are left out. Of tracked faces, the unsmoothed scores are used.
            classifier: The classifier that the scores are from.

        Raises:
            InputError: If no face is suitable, or the model has no label neutral.
        """
        collector = BaselineCollector(classifier)
        for face in faces:
            collector.add(face)
        return collector.baseline()

    @classmethod
    def load(cls, path: str | Path) -> "Baseline":
        """Read a baseline that `save` wrote.

        Raises:
            InputError: If the file is missing, damaged or of another kind.
        """
        path = Path(path)
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("schema") != SCHEMA:
                raise ValueError(f"its schema is not {SCHEMA}")
            prior = values.pop("prior")
            baseline = cls(
                labels=tuple(map(str, values.pop("labels"))),
                log_odds=tuple(map(float, values.pop("log_odds"))),
                spread=tuple(map(float, values.pop("spread"))),
                faces=int(values.pop("faces")),
                refused=int(values.pop("refused")),
                sharpness=float(values.pop("sharpness")),
                model=str(values.pop("model")),
                prior=Prior(tuple(map(float, prior["offsets"])), float(prior["temperature"])),
            )
            baseline._check()
        except FileNotFoundError as error:
            raise InputError(f"no baseline at {path}") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is not a baseline: {shown(repr(error), 200)}") from error
        return baseline

    def save(self, path: str | Path) -> None:
        """Write the baseline as JSON; nothing else in the SDK writes one.

        Raises:
            OutputError: If the file cannot be written.
        """
        with write_beside(Path(path)) as temporary:
            text = json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")

    @property
    def reasons(self) -> tuple[str, ...]:
        """One line for each reason to measure the baseline again; empty for a sure one."""
        reasons = []
        if self.faces < MIN_FACES:
            number = f"{self.faces} {'face' if self.faces == 1 else 'faces'}"
            reasons.append(f"few: {number}, under {MIN_FACES}")
        for label in MEASURED_LABELS:
            if label in self.labels:
                index = self.labels.index(label)
                if self.spread[index] > MAX_SPREAD:
                    reasons.append(
                        f"unsteady: log-odds of {label} vary by {self.spread[index]:.2f}, over "
                        f"{MAX_SPREAD:.2f}"
                    )
                if self.log_odds[index] > 0:
                    reasons.append(f"{label} rather than neutral: the face may not be at rest")
        return tuple(reasons)

    @property
    def sure(self) -> bool:
        """Whether enough faces were measured, they agree, and they look more neutral than happy."""
        return not self.reasons

    def check_fits(self, classifier: ExpressionClassifier) -> None:
        """Check that a classifier has the model and the prior of this baseline.

        Raises:
            InputError: If it has others: its log-odds are not comparable.
        """
        bundle = classifier.bundle
        for kind, same in (
            ("model", self.model == sha256_of(bundle.path) and self.labels == bundle.labels),
            ("prior", self.prior == classifier.prior),
        ):
            if not same:
                raise InputError(
                    f"the baseline was measured with another {kind} than that of "
                    f"{bundle.path.name}: measure it again"
                )

    def _check(self) -> None:
        numbers = (*self.log_odds, *self.spread, self.sharpness)
        lengths = {len(self.labels), len(self.log_odds), len(self.spread)}
        if len(lengths) != 1 or NEUTRAL not in self.labels or self.faces < 1:
            raise ValueError("its labels, log_odds and spread do not fit together")
        if not all(map(math.isfinite, numbers)):
            raise ValueError("a number is not finite")


class BaselineCollector:
    """Collects the log-odds of a person's resting face."""

    def __init__(self, classifier: ExpressionClassifier) -> None:
        """Start without a face.

        Raises:
            InputError: If the model has no label neutral.
        """
        if NEUTRAL not in classifier.bundle.labels:
            raise InputError(
                f"{classifier.bundle.path.name} has no label neutral, which a baseline needs: it "
                f"has {', '.join(classifier.bundle.labels)}"
            )
        self._classifier = classifier
        self._rows: list[tuple[float, ...]] = []
        self._sharpness: list[float] = []
        self._refused = 0
        self._first_reason = ""

    @property
    def faces(self) -> int:
        """Number of suitable faces so far."""
        return len(self._rows)

    def add(self, face: RecognizedFace) -> bool:
        """Add a face; returns whether it is suitable."""
        if not face.quality.good:
            self._refused += 1
            self._first_reason = self._first_reason or face.quality.reasons[0]
            return False
        labels = self._classifier.bundle.labels
        self._rows.append(log_odds(unsmoothed(face, labels), labels.index(NEUTRAL)))
        self._sharpness.append(face.quality.sharpness)
        return True

    def baseline(self) -> Baseline:
        """Return the baseline of the faces so far.

        Raises:
            InputError: If there is no suitable one.
        """
        if not self._rows:
            first = f"; the first is {self._first_reason}" if self._refused else ""
            raise InputError(
                f"none of {self._refused} faces is suitable for a baseline{first}"
                if self._refused
                else "a baseline needs at least one face, but there is none"
            )
        columns = list(zip(*self._rows, strict=True))
        centres = tuple(map(interquartile_mean, columns))
        return Baseline(
            labels=self._classifier.bundle.labels,
            log_odds=centres,
            spread=tuple(map(spread, columns, centres)),
            faces=len(self._rows),
            refused=self._refused,
            sharpness=median(self._sharpness),
            model=sha256_of(self._classifier.bundle.path),
            prior=self._classifier.prior,
        )


class ChangeTracker:
    """Follows the change of one face from a baseline over time."""

    def __init__(self, baseline: Baseline, settings: BaselineSettings) -> None:
        """Start without a face.

        Raises:
            InputError: If a label of the settings is none of the baseline's.
        """
        unknown = [label for label in settings.labels if label not in baseline.labels]
        if unknown:
            raise InputError(
                f"the model has no label {unknown[0]}: it has {', '.join(baseline.labels)}"
            )
        self.baseline = baseline
        self._settings = settings
        self._rest = baseline.labels.index(NEUTRAL)
        self._places = {label: baseline.labels.index(label) for label in settings.labels}
        self._last_s = -math.inf
        self.change: tuple[float, ...] | None = None
        """Smoothed rise of each label's log-odds; None before the first suitable face, and after
        `hold_s` without one."""
        self.changed_to: str | None = None
        """The label that the face changed to, or None."""

    def suits(self, quality: FaceQuality) -> bool:
        """Return whether the image of a face can be compared with the baseline."""
        least = self._settings.min_sharpness * self.baseline.sharpness
        return quality.good and quality.sharpness >= least

    def update(self, probabilities: Sequence[float], time_s: float, *, suitable: bool) -> None:
        """Add the face of a frame.

        Args:
            probabilities: One per label of the baseline, of this frame alone.
            time_s: Time in seconds, not before that of the previous call.
            suitable: Whether the image of the face can be compared, see `suits`.
        """
        passed_s = time_s - self._last_s
        if passed_s > self._settings.hold_s:
            self.change = self.changed_to = None
        if not suitable:
            return
        row = log_odds(probabilities, self._rest)
        rise = tuple(x - c for x, c in zip(row, self.baseline.log_odds, strict=True))
        constant = self._settings.time_constant_s
        if self.change is not None and constant:
            weight = 1.0 - math.exp(-passed_s / constant)
            rise = tuple(d + weight * (x - d) for d, x in zip(self.change, rise, strict=True))
        self.change = rise
        self.changed_to = self._decide(rise)
        self._last_s = time_s

    def _decide(self, change: tuple[float, ...]) -> str | None:
        threshold, margin = self._settings.threshold, self._settings.margin
        best = max(self._places, key=lambda label: change[self._places[label]])
        highest = change[self._places[best]]
        if self.changed_to is not None:
            present = change[self._places[self.changed_to]]
            if present > threshold - margin:
                return best if highest > present + margin else self.changed_to
        return best if highest > threshold else None


def log_odds(probabilities: Sequence[float], rest: int) -> tuple[float, ...]:
    """Return the natural logarithm of each probability divided by that of the label `rest`."""
    logs = [math.log(max(p, LEAST_PROBABILITY)) for p in probabilities]
    return tuple(value - logs[rest] for value in logs)


def unsmoothed(face: RecognizedFace, labels: tuple[str, ...]) -> tuple[float, ...]:
    """Return the probabilities of a face in the order of the labels, of its frame alone.

    Raises:
        InputError: If the face has other labels.
    """
    scores = face.raw_scores if isinstance(face, TrackedFace) else face.scores
    if set(scores) != set(labels):
        raise InputError(
            f"the face has scores of {', '.join(scores)}, but the model has {', '.join(labels)}: "
            "give the classifier that the face is from"
        )
    return tuple(scores[label] for label in labels)


def interquartile_mean(values: Sequence[float]) -> float:
    """Return the mean without the smallest and the largest quarter of the values."""
    ordered = sorted(values)
    cut = len(ordered) // 4
    kept = ordered[cut : len(ordered) - cut]
    return sum(kept) / len(kept)


def spread(values: Sequence[float], centre: float) -> float:
    """Return the robust standard deviation: 1.4826 times the median distance from the centre."""
    return _DEVIATION * median(abs(value - centre) for value in values)
