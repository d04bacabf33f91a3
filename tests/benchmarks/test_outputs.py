"""`fer-bench` writes over none of its inputs, and no output over another."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from fer_bench.cli.main import main
from fer_sdk.bundles.registry import find_model


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("nano.tflite --json nano.tflite", "which this command reads"),
        ("nano.tflite --json nano.tflite.json", "which this command reads"),
        ("nano.tflite --photo photo.png --json link", "which this command reads"),
        ("nano.tflite --json z --html z", "are the same file"),
        ("nano.tflite --html r/benchmark.md --report r", "are the same file"),
        ("nano.tflite --json .", "is a folder"),
        ("nano.tflite --android --json nano.tflite", "which this command reads"),
        ("nano.tflite --faces pack.npz --json pack.npz", "which this command reads"),
        ("nano.tflite --faces pack.npz --csv nano.tflite.json", "which this command reads"),
        ("nano.tflite --faces pack.npz --csv z --json z", "are the same file"),
    ],
)
def test_an_output_that_is_an_input_or_named_twice_is_refused(
    words: str, message: str, tmp_path: Path, sample_photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "--html" in words:
        pytest.importorskip("matplotlib", reason="pages need the extra `bench`")
        pytest.importorskip("jinja2", reason="pages need the extra `bench`")
    monkeypatch.chdir(tmp_path)
    shutil.copy(find_model("nano-int8"), "nano.tflite")
    shutil.copy(f"{find_model('nano-int8')}.json", "nano.tflite.json")
    shutil.copy(sample_photo, "photo.png")
    Path("link").symlink_to("photo.png")
    Path("pack.npz").write_bytes(b"a pack")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = CliRunner().invoke(main, ["run", *words.split()])
    assert done.exit_code == 1, done.output
    assert message in done.output
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
