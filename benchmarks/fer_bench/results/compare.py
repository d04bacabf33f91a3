"""Two results of the same surroundings: faster, slower or unsure, and gates for CI."""

from dataclasses import dataclass
from typing import ClassVar, Final

from fer_bench.results.schema import BenchmarkResult, ModelResult
from fer_bench.results.statistics import AGREES_WITHIN, ratio, warnings
from fer_sdk.errors import FerError, InputError

IGNORED: Final = ("fer-sdk", "tensorflow", "keras", "opencv-python")
"""Packages that no model's time rests on."""


MACHINE: Final = ("processor", "cores", "machine")
"""What must agree before numbers of two runs stand in one picture."""


class GateError(FerError):
    """A measured figure is beyond the limit that was set."""

    exit_code: ClassVar[int] = 4


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model in two results.

    Attributes:
        name: File name.
        same_file: Whether both results measured the same bytes.
        p50_ratio: Second over first: ratio, lower and upper end of its 95 % interval.
        p90_ratio: The same for p90.
        accuracy: Headline accuracies, 0 to 1; None where one has none.
        verdict: "faster", "slower" or "unsure".
    """

    name: str
    same_file: bool
    p50_ratio: tuple[float, float, float]
    p90_ratio: tuple[float, float, float]
    accuracy: tuple[float, float] | None
    verdict: str


def compare(first: BenchmarkResult, second: BenchmarkResult) -> tuple[Comparison, ...]:
    """Compare the models that both results have, by name.

    Raises:
        InputError: If the surroundings differ or no model is in both.
    """
    _refuse_unlike(first, second)
    before = {row.name: row for row in first.models if row.latency is not None}
    pairs = [(before[row.name], row) for row in second.models
             if row.latency is not None and row.name in before]  # fmt: skip
    if not pairs:
        raise InputError(
            f"no model is in both results: {', '.join(before)} and "
            f"{', '.join(row.name for row in second.models)}"
        )
    return tuple(_compare(one, other) for one, other in pairs)


def refuse_other_machine(result: BenchmarkResult, here: dict[str, str]) -> None:
    """Refuse to show another machine's result beside ours.

    Args:
        result: Measured before, such as the peers'.
        here: As `fer_sdk._internal.environment.describe_environment` gives it.

    Raises:
        InputError: If processor, cores or architecture differ.
    """
    for name in MACHINE:
        if result.environment.get(name) != here[name]:
            raise InputError(
                f"the peers were measured with {name} {result.environment.get(name)}, but here it "
                f"is {here[name]}: measure them on this machine"
            )


def describe(comparisons: tuple[Comparison, ...]) -> str:
    """Return the comparisons as text."""
    lines = []
    for found in comparisons:
        (p50, low, high), (p90, low90, high90) = found.p50_ratio, found.p90_ratio
        lines.append(
            f"{found.name}: {found.verdict}; p50 {p50:.3f} times ({low:.3f} - {high:.3f}), "
            f"p90 {p90:.3f} times ({low90:.3f} - {high90:.3f})"
            + ("" if found.same_file else "; the file changed")
        )
        if found.accuracy is not None:
            one, other = (100 * value for value in found.accuracy)
            lines.append(f"  accuracy {one:.2f} % to {other:.2f} %, {other - one:+.2f} points")
    return "\n".join(lines)


def gate_accuracy(rows: tuple[ModelResult, ...], least: float) -> None:
    """Refuse results below an accuracy, in percent.

    Raises:
        InputError: If there is no accuracy to hold to it.
        GateError: Naming the first model below.
    """
    for row in rows:
        if not row.accuracy:
            raise InputError(f"{row.name} was scored on no labelled faces: --min-accuracy needs "
                             "--data or --faces")  # fmt: skip
        own = row.accuracy[0]
        if 100 * own.headline.accuracy < least:
            raise GateError(
                f"{row.name} has {100 * own.headline.accuracy:.2f} % on {own.protocol}, "
                f"but --min-accuracy is {least:g}"
            )


def gate_p90(comparisons: tuple[Comparison, ...], most: float) -> None:
    """Refuse a second result whose p90 grew beyond a ratio.

    Raises:
        GateError: Naming the first model beyond.
    """
    for found in comparisons:
        if found.p90_ratio[0] > most:
            ratio_, low, high = found.p90_ratio
            raise GateError(
                f"{found.name}'s p90 grew to {ratio_:.3f} times ({low:.3f} - {high:.3f}), "
                f"but --max-p90-ratio is {most:g}"
            )


def _refuse_unlike(first: BenchmarkResult, second: BenchmarkResult) -> None:
    def surroundings(result: BenchmarkResult) -> dict[str, object]:
        kept = {k: v for k, v in result.environment.items() if k not in IGNORED}
        adapters = sorted({row.place.adapter or "CPU" for row in result.models})
        return {**kept, "delegate": result.delegate, "threads": result.threads,
                "faces": result.data, "adapter": adapters}  # fmt: skip

    one, other = surroundings(first), surroundings(second)
    for name in (*one, *(other.keys() - one.keys())):
        if one.get(name) != other.get(name):
            raise InputError(
                f"the results compare only in the same surroundings, but {name} is "
                f"{one.get(name)} in the first and {other.get(name)} in the second"
            )


def _compare(first: ModelResult, second: ModelResult) -> Comparison:
    assert first.latency is not None  # `compare` picked rows with times
    assert second.latency is not None
    p50 = ratio(first.latency, second.latency, 50, paired=False)
    if warnings(first.latency) or warnings(second.latency):
        verdict = "unsure (unstable)"
    elif p50[2] < 1 - AGREES_WITHIN:
        verdict = "faster"
    elif p50[1] > 1 + AGREES_WITHIN:
        verdict = "slower"
    else:
        verdict = "unsure"
    accuracies = [row.accuracy[0].headline.accuracy for row in (first, second) if row.accuracy]
    return Comparison(
        name=second.name,
        same_file=first.sha256 == second.sha256,
        p50_ratio=p50,
        p90_ratio=ratio(first.latency, second.latency, 90, paired=False),
        accuracy=(accuracies[0], accuracies[1]) if len(accuracies) == 2 else None,
        verdict=verdict,
    )
