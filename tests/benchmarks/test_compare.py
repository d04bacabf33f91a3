import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.benchmarks.fakes import latency, peer, result, row

from fer_bench.cli.main import main
from fer_bench.results.schema import BenchmarkResult, Latency
from fer_bench.results.storage import read_json, write_json
from fer_sdk.errors import InputError

pytest.importorskip("msgspec", reason="reading results needs the extra `bench`")


@pytest.fixture
def compare(tmp_path: Path) -> "Compare":
    return Compare(tmp_path)


class Compare:
    """Runs `fer-bench compare` on two results."""

    def __init__(self, folder: Path) -> None:
        self.paths = [folder / "a.json", folder / "b.json"]

    def __call__(
        self, first: BenchmarkResult, second: BenchmarkResult, *words: str
    ) -> tuple[int, str, str]:
        for path, one in zip(self.paths, (first, second), strict=True):
            write_json(one, path)
        done = CliRunner().invoke(main, ["compare", *map(str, self.paths), *words])
        return done.exit_code, done.stdout, done.stderr


def test_a_result_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_json(result(row(), row("b.tflite")), tmp_path / "a.json")
    assert read_json(tmp_path / "a.json") == result(row(), row("b.tflite"))


@pytest.mark.parametrize(
    ("milliseconds", "verdict"), [(0.8, "faster"), (1.3, "slower"), (1.02, "inconclusive")]
)
def test_a_second_result_is_faster_slower_or_inconclusive(
    compare: Compare, milliseconds: float, verdict: str
) -> None:
    code, stdout, _ = compare(result(row()), result(row(milliseconds=milliseconds)))
    assert code == 0
    assert stdout.startswith(f"a.tflite: {verdict}; p50 {milliseconds:.3f} times")


def test_an_unstable_result_is_inconclusive(compare: Compare) -> None:
    rounds = latency(1.0).rounds_ns[:3] + latency(3.0).rounds_ns[:3]
    unstable = replace(row(), latency=Latency((), rounds))
    assert "inconclusive (unstable)" in compare(result(unstable), result(row(milliseconds=0.2)))[1]


def test_different_environments_are_refused(compare: Compare) -> None:
    here = result()
    there = replace(here, environment={**here.environment, "processor": "another"})
    for second, name in ((there, "processor"), (replace(here, threads=2), "threads")):
        code, stdout, stderr = compare(here, second)
        assert (code, stdout) == (1, "")
        (line,) = stderr.splitlines()
        assert f"but {name} is" in line


def test_exceeded_limits_exit_with_code_4(compare: Compare) -> None:
    slower = result(row(milliseconds=1.3, right=60))
    assert compare(result(), slower, "--max-p90-ratio", "1.4", "--min-accuracy", "59")[0] == 0
    code, stdout, stderr = compare(result(), slower, "--max-p90-ratio", "1.2")
    assert code == 4
    assert "slower" in stdout
    assert "p90 is 1.300 times the first result's" in stderr
    code, _, stderr = compare(result(), slower, "--min-accuracy", "61")
    assert code == 4
    assert "a.tflite has 60.00 % on PublicTest, but --min-accuracy is 61" in stderr


def test_files_without_a_result_are_one_line_errors(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    good = tmp_path / "good.json"
    write_json(result(), good)
    wrong = json.loads(good.read_text())
    wrong["models"][0]["size_bytes"] = "many"
    for text, message in (
        ("{", "is not a result of fer-bench"),
        ('{"schema": 1}', "has 1: measure it again"),
        (json.dumps(wrong), "Expected `int`, got `str` - at `$.models[0].size_bytes`"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match="result of fer-bench") as caught:
            read_json(path)
        assert message in str(caught.value)
    with pytest.raises(InputError, match="cannot read"):
        read_json(tmp_path / "none.json")


def test_peers_of_another_machine_are_refused(golden: Path, tmp_path: Path) -> None:
    write_json(result(row(), peer()), tmp_path / "peers.json")
    words = [golden / "tiny-int8.tflite", "--quick", "--peers", tmp_path / "peers.json"]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "the other packages were measured with processor a <processor>" in line
