import json
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fer_bench.backends.android import app
from fer_bench.backends.android.device import connect
from fer_bench.backends.android.tool import parse_times
from fer_bench.cli.main import main
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.errors import InputError, RuntimeFailure

OLD_TOOL = """\
STARTING!
Duplicate flags: num_threads
Num threads: [4]
Graph: [/data/local/tmp/model.tflite]
#threads used for CPU inference: [4]
The input model file size (MB): 0.004448
Initialized session in 0.855ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=15 first=49060 curr=33682 min=32825 max=49060 avg=34825.1 std=3930

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=50 first=32891 curr=33978 min=32641 max=34005 avg=33209.4 std=450

Inference timings in us: Init: 855, First inference: 49060, Warmup (avg): 34825.1, Inference (avg): 33209.4
Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual memory footprint of the model at runtime. Take the information at your discretion.
Peak memory footprint (MB): init=0 overall=12.8672
"""  # noqa: E501
NEW_TOOL = """\
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
INFO: Initialized session in 92.318ms.
INFO: count=3 first=235158 curr=200386 min=199462 max=235158 avg=211669 std=16613 p5=199462 median=200386 p95=235158

INFO: count=25 first=187533 curr=140990 min=140071 max=195121 avg=145528 std=13583 p5=140545 median=141253 p95=187533

INFO: Inference timings in us: Init: 92318, First inference: 235158, Warmup (avg): 211669, Inference (avg): 145528
INFO: Memory footprint delta from the start of the tool (MB): init=54.2852 overall=73.4102
"""  # noqa: E501

FAKE_ADB = """\
#!{python}
import json, sys
from pathlib import Path

here = Path(__file__).parent
world = json.loads((here / "world.json").read_text())
words = sys.argv[1:]
with (here / "log.txt").open("a") as log:
    log.write(" ".join(words) + "\\n")
if words == ["devices"]:
    print("List of devices attached")
    for name, state in world["devices"].items():
        print(f"{{name}}\\t{{state}}")
    sys.exit()
assert words[0] == "-s" and words[1] in world["devices"]
if words[2] == "push":
    assert Path(words[3]).is_file()
    sys.exit()
command = " ".join(words[3:])
for beginning, (reply, code) in world["replies"].items():
    if command.startswith(beginning):
        print(reply)
        sys.exit(code)
sys.exit(f"unexpected: {{command}}")
"""

PIXEL: dict[str, tuple[str, int]] = {
    "getprop ro.product.manufacturer": ("Google", 0),
    "getprop ro.product.model": ("Pixel 8", 0),
    "getprop ro.build.version.release": ("16", 0),
    "getprop ro.soc.model": ("Tensor G3", 0),
    "getprop ro.product.cpu.abi": ("arm64-v8a", 0),
    "rm -f": ("", 0),
}


class World:
    """A fake adb on PATH, with scripted devices and replies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "adb"
        program.write_text(FAKE_ADB.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def set(self, devices: dict[str, str], replies: dict[str, tuple[str, int]]) -> None:
        world = {"devices": devices, "replies": {**replies, **PIXEL}}
        (self.folder / "world.json").write_text(json.dumps(world))

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    folder = tmp_path / "platform-tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return World(folder)


def bench(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_old_tool_statistics_exclude_the_warm_up() -> None:
    times = parse_times(OLD_TOOL)
    assert (times.runs, times.init_us, times.first_us) == (50, 855, 49060)
    assert (times.mean_us, times.min_us, times.max_us, times.std_us) == (33209.4, 32641, 34005, 450)
    assert (times.median_us, times.p95_us, times.memory_mb) == (None, None, 12.8672)


def test_new_tool_percentiles_are_parsed() -> None:
    times = parse_times(NEW_TOOL)
    assert (times.runs, times.median_us, times.p95_us) == (25, 141253, 187533)
    assert times.memory_mb == 73.4102


def test_the_error_of_a_failing_tool_is_reported() -> None:
    with pytest.raises(RuntimeFailure, match=r"its last line is: Benchmarking failed\."):
        parse_times("ERROR: Failed to apply GPU delegate.\nBenchmarking failed.\n")


def test_models_are_pushed_timed_and_deleted(world: World, tiny_int8: Path, tmp_path: Path) -> None:
    world.set(
        {"A1": "device"},
        {"[ -e": ("yes", 0), "/data/local/tmp/benchmark_model": (NEW_TOOL, 0)},
    )
    out = tmp_path / "android.json"
    code, stdout, stderr = bench(tiny_int8, "--threads", 2, "--json", out, "--android")
    assert (code, stderr) == (0, "")
    assert "tiny-int8.tflite" in stdout
    assert "141.253" in stdout
    assert "model Pixel 8" in stdout
    result = json.loads(out.read_text())
    assert result["device"]["chip"] == "Tensor G3"
    assert result["models"][0]["times"]["p95_us"] == 187533
    assert f"push {tiny_int8}" in world.log
    assert "--num_threads=2" in world.log
    assert world.log.strip().endswith("shell rm -f /data/local/tmp/fer-bench.tflite")


def app_result() -> dict[str, Any]:
    """Return a result as `BenchmarkReport.kt` of the app writes it."""
    timed = {"model": "small-int8.tflite", "sha256": "0" * 64, "precision": "int8",
             "place": "LiteRT GPU", "warmup_ns": [900000], "latency_ns": [400000, 500000],
             "p50_ms": 0.45, "p90_ms": 0.49, "p99_ms": 0.499}  # fmt: skip
    failed = {"model": "base-int8.tflite", "sha256": "1" * 64, "precision": "int8",
              "place": "LiteRT CPU", "error": "LiteRT is not available"}  # fmt: skip
    device = {"manufacturer": "Google", "model": "Pixel 8", "android": "16", "api": 36,
              "abi": "arm64-v8a", "cores": 9}  # fmt: skip
    return {"schema": 1, "app": "org.fersdk.demo", "version": "0.1.0", "device": device,
            "models": [timed, failed], "sustained": None}  # fmt: skip


def test_without_models_the_demo_app_measures(world: World, tmp_path: Path) -> None:
    replies = {
        "pm list packages": ("package:org.fersdk.demo", 0),
        "am start -n org.fersdk.demo/.BenchmarkActivity --es models all --ei runs 200": (
            "Starting: Intent { cmp=org.fersdk.demo/.BenchmarkActivity (has extras) }",
            0,
        ),
        "[ -e": ("yes", 0),
        "cat": (json.dumps(app_result()), 0),
    }
    world.set({"A1": "device", "B2": "device"}, replies)
    out = tmp_path / "app.json"
    code, stdout, stderr = bench("--android", "B2", "--json", out)
    assert code == 0, stderr
    assert re.search(r"small-int8.tflite +LiteRT GPU +0.450 +0.490 +0.499\n", stdout)
    assert re.search(r"base-int8.tflite +LiteRT CPU +LiteRT is not available\n", stdout)
    assert json.loads(out.read_text()) == app_result()
    old, start, look = (world.log.index(w) for w in ("rm -f /sdcard", "am start", "shell [ -e"))
    assert old < start < look
    assert "A1 " not in world.log


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"schema": 1, "mod', "wrote no result within 0 s"), ('{"schema": 2}', "but has 2")],
)
def test_an_unfinished_or_foreign_result_is_an_error(world: World, text: str, message: str) -> None:
    replies = {"pm": ("package:org.fersdk.demo", 0), "am": ("Starting", 0), "[": ("yes", 0)}
    world.set({"A1": "device"}, {**replies, "cat": (text, 0)})
    with pytest.raises((InputError, RuntimeFailure), match=message):
        app.run_app(connect(), wait_s=0.2, poll_s=0.1)


@pytest.mark.parametrize(
    ("devices", "replies", "words", "message"),
    [
        ({}, {}, ["--android"], "no Android device is ready (none connected)"),
        ({"A1": "unauthorized"}, {}, ["--android"], "A1 is unauthorized"),
        ({"A1": "device", "B2": "device"}, {}, ["--android"], "name one, as --android A1"),
        ({"A1": "device"}, {}, ["--android", "C3"], "C3 is not connected; ready: A1"),
        ({"A1": "device"}, {"pm": ("", 0)}, ["--android"], "org.fersdk.demo is not installed"),
        (
            {"A1": "device"},
            {"pm": ("package:org.fersdk.demo", 0), "am": ("Error type 3", 0)},
            ["--android"],
            "did not start: Error type 3",
        ),
        (
            {"A1": "device"},
            {"[ -e": ("no", 0)},
            [DEFAULT_MODEL, "--android"],
            "benchmark_model is not on A1",
        ),
        (
            {"A1": "device"},
            {"[ -e": ("yes", 0), "/data": ("sh: permission denied", 126)},
            [DEFAULT_MODEL, "--android"],
            "permission denied",
        ),
    ],
)
def test_missing_requirements_are_one_line_errors(
    world: World,
    devices: dict[str, str],
    replies: dict[str, tuple[str, int]],
    words: list[str],
    message: str,
) -> None:
    world.set(devices, replies)
    code, stdout, stderr = bench(*words)
    assert (code, stdout) == (1, "")
    assert message in stderr.splitlines()[-1]
    assert len([line for line in stderr.splitlines() if line.startswith("error: ")]) == 1


def test_missing_adb_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, stdout, stderr = bench("--android")
    assert (code, stdout) == (1, "")
    (line,) = stderr.splitlines()
    assert "needs adb on PATH" in line


def test_other_files_than_tflite_are_refused(world: World, golden: Path) -> None:
    world.set({"A1": "device"}, {"[ -e": ("yes", 0)})
    code, _, stderr = bench(golden / "tiny-float32.onnx", "--android", "A1")
    assert code == 1
    assert "benchmark_model runs .tflite models" in stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--android", "A1", "--delegate", "gpu"], "--android cannot be combined with --delegate"),
        (["--android", "A1", "--threads", "2"], "--android cannot be combined with --threads"),
    ],
)
def test_options_that_would_be_ignored_are_refused(words: list[str], message: str) -> None:
    code, stdout, stderr = bench(*words)
    assert (code, stdout) == (2, "")
    assert message in stderr
