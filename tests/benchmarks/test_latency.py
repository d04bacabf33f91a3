import re
import time
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from tests.benchmarks.fakes import Clock, SlowSession, latency

from fer_bench.measure.latency import measure_latency
from fer_bench.measure.sustained import run_sustained, slowdown
from fer_bench.results.schema import Latency, Window
from fer_bench.results.statistics import interval_ms, ratio, warnings
from research import overhead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter_ns", clock)
    return clock


def test_models_are_interleaved_and_warm_ups_are_kept_apart(clock: Clock) -> None:
    order: list[float] = []
    sessions = [SlowSession(clock, 20.0, order), SlowSession(clock, 250.0, order)]
    faces = [np.zeros((3, 48, 48), np.uint8)] * 2
    slow, slower = measure_latency(sessions, faces, rounds=2, seconds=0, samples=6)
    # Half a second of warm-up, at least three inferences; then six inferences over two rounds.
    assert order == [20.0] * 25 + [250.0] * 3 + ([20.0] * 3 + [250.0] * 3) * 2
    assert slow.rounds_ns == ((20_000_000,) * 3,) * 2
    assert slower.warmup_ns == (250_000_000,) * 3
    assert slower.percentile_ms(50) == 250.0


def test_a_run_lasts_the_requested_time(clock: Clock) -> None:
    session = SlowSession(clock, 2.0, [])
    (found,) = measure_latency(
        [session], [np.zeros((3, 48, 48), np.uint8)], rounds=4, seconds=1.5, samples=10
    )
    assert sum(map(sum, found.rounds_ns)) >= 1.5e9
    assert {len(times) for times in found.rounds_ns} == {188}


def test_an_interval_covers_the_rounds_and_a_stable_run_has_no_warning() -> None:
    stable = latency(1.0)
    assert interval_ms(stable, 50) == pytest.approx((1.0, 1.0))
    assert warnings(stable) == ()
    mixed = Latency((), tuple((round(1e6 * ms),) * 5 for ms in (1.0, 1.02, 0.98, 1.01, 0.99)))
    low, high = interval_ms(mixed, 50)
    assert 0.98 < low < 1.0 < high < 1.02
    assert warnings(mixed) == ()


@pytest.mark.parametrize(
    ("medians", "why"),
    [
        ((1.0, 1.4, 1.0, 1.4, 1.0, 1.4), "standard deviation of p50 over rounds is"),
        ((1.0, 1.0, 1.0, 1.1, 1.1, 1.1), "p50 drifted by +10% between first and second half"),
        ((1.0, 1.1, 1.0, 1.1), "95 % interval of p50 is"),
    ],
)
def test_a_run_that_is_not_reproducible_has_a_warning(medians: tuple[float, ...], why: str) -> None:
    found = warnings(Latency((), tuple((round(1e6 * ms),) * 5 for ms in medians)))
    assert why in "; ".join(found)


def test_a_machine_shared_with_other_programs_has_a_warning() -> None:
    shared = replace(latency(1.0), cpu_share=(0.99, 0.7, 0.7))
    assert warnings(shared) == ("other programs used the CPU for 30% of the time",)
    assert warnings(replace(shared, cpu_share=(0.99, 0.7, 1.0))) == ()


def test_a_slow_phase_cancels_in_a_paired_ratio() -> None:
    moments = (1.0, 3.0, 1.0, 1.0, 2.0, 1.0)
    first = Latency((), tuple((round(1e6 * m),) * 3 for m in moments))
    second = Latency((), tuple((round(2e6 * m),) * 3 for m in moments))
    assert ratio(first, second, 50, paired=True) == pytest.approx((2.0, 2.0, 2.0))
    times, low, high = ratio(first, second, 50, paired=False)
    assert times == pytest.approx(2.0)
    assert low < 1.5 < 2.5 < high


def test_a_sustained_run_is_divided_into_windows(clock: Clock) -> None:
    session = SlowSession(clock, 100.0, [])
    windows = run_sustained(session, np.zeros((2, 48, 48), np.uint8), seconds=3)
    assert windows == tuple(Window(second, 10, 100.0) for second in (1.0, 2.0, 3.0))
    assert slowdown(windows) == 1.0


def test_slowdown_compares_the_last_tenth_with_the_first() -> None:
    times = [1.0] * 2 + [5.0] * 16 + [1.5] * 2
    assert slowdown(tuple(Window(float(i), 1, ms) for i, ms in enumerate(times))) == 1.5


def test_the_overhead_is_printed() -> None:
    done = CliRunner().invoke(overhead.main, [])
    assert done.exit_code == 0
    timer, sdk = done.stdout.splitlines()
    assert re.fullmatch(r"benchmark: \d+ ns per inference, \d+\.\d\d% of 0\.1 ms", timer)
    assert re.fullmatch(r"SDK session: \d+\.\d us per inference, part of every time", sdk)
