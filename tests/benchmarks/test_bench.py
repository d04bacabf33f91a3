import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from tests.synthetic import synthetic_faces

from fer_bench.backends.delegates import describe_backend, open_delegate
from fer_bench.cli.main import main
from fer_bench.measure.operators import RUNS, parse_summary, profile_operators
from fer_bench.results.datasets import of_sample
from fer_sdk import NoAdapterError, RuntimeFailure
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.inputs.images import read_photo
from fer_train.data.importer import save

EIGHT_LABELS = Path(__file__).parents[2] / "train" / "teachers" / "base-ferplus-float32.tflite"
NOWHERE = {"VK_ICD_FILENAMES": "/nowhere", "VK_DRIVER_FILES": "/nowhere"}


@pytest.fixture
def data(small_fer2013: Fer2013, tmp_path: Path) -> Path:
    save(small_fer2013, tmp_path / "data.npz")
    return tmp_path / "data.npz"


def bench(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_command_prints_a_table_and_writes_raw_values(
    data: Path, small_fer2013: Fer2013, golden: Path, sample_photo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "result.json"
    models = [golden / "tiny-int8.tflite", golden / "tiny-float32.tflite"]
    code, stdout, _ = bench(
        *models, "--quick", "--data", data, "--json", out, "--split", "private",
        "--photo", sample_photo, "--minutes", 0.02, "--min-accuracy", 99,
    )  # fmt: skip
    assert code == 0
    assert "timed and scored on 35 faces of PrivateTest" in stdout
    assert "times the time of tiny-int8.tflite (" in stdout
    assert "detection at 320x240" in stdout
    result = json.loads(out.read_text())
    assert (result["schema"], result["mode"]) == (3, "quick")
    assert result["fingerprint"] == small_fer2013.fingerprint
    int8, float32 = result["models"]
    # The tiny model finds the bright band, which encodes the label of every synthetic face.
    for row in (int8, float32):
        (scores,) = row["accuracy"]
        assert (scores["all"]["n"], scores["deduplicated"]["n"]) == (35, 34)
        assert scores["all"]["accuracy"] == scores["deduplicated"]["accuracy"] == 1
        assert sum(found["faces"] for found in scores["reliability"]) == 34
    assert int8["size_bytes"] == models[0].stat().st_size
    assert (int8["backend"]["delegated_ops"], int8["backend"]["ops"]) == (2, 4)
    assert (float32["parameters"], float32["multiply_accumulates"]) == (56, 56)
    assert all(ns > 0 for times in int8["latency"]["rounds_ns"] for ns in times)
    assert len(int8["latency"]["warmup_ns"]) == 50
    assert int8["startup"]["peak_mb"][0] > int8["startup"]["bare_mb"][0] > 5
    assert [window["faces"] > 0 for window in int8["sustained"]] == [True, True]
    for found in int8["pipeline"]:
        assert list(found["stages_ns"]) == ["decode", "detect", "crop", "classify"]
        assert found["faces"] == len(found["stages_ns"]["detect"]) == 20
    assert result["environment"]["ai-edge-litert"] != "not installed"


def test_without_fer2013_times_are_measured_and_accuracy_says_why_not(
    golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, stdout, stderr = bench(golden / "tiny-int8.tflite", "--quick")
    assert code == 0
    assert "no FER2013 at data/fer2013.npz: models are timed on the sample face" in stderr
    assert "no labelled faces" in stdout
    code, _, stderr = bench(golden / "tiny-int8.tflite", "--quick", "--min-accuracy", 1)
    assert code == 1
    assert "was not scored on labelled faces" in stderr


def test_the_sample_face_is_the_portrait_cropped_like_fer2013(golden: Path) -> None:
    with resources.as_file(resources.files("fer_bench") / "data" / "sample_face.png") as face:
        assert face.read_bytes() == (golden / "crop-photo-downscaled.png").read_bytes()
    variants = of_sample(8).pixels
    assert variants.shape == (8, 48, 48)
    assert len({variant.tobytes() for variant in variants}) == 8


def test_a_folder_of_labelled_pictures_is_scored(golden: Path, tmp_path: Path) -> None:
    faces, labels = synthetic_faces(14)
    names = ("anger", "disgust", "fear", "happiness", "sad", "Surprise", "neutral")
    for number, (face, label) in enumerate(zip(faces, labels, strict=True)):
        folder = tmp_path / "own" / names[label]
        folder.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / f"{number}.png"), face)
    out = tmp_path / "out.json"
    words = [golden / "tiny-float32.tflite", "--quick", "--json", out, "--faces"]
    assert bench(*words, tmp_path / "own")[0] == 0
    (scores,) = json.loads(out.read_text())["models"][0]["accuracy"]
    assert (scores["protocol"], scores["deduplicated"]) == ("own", None)
    assert (scores["all"]["n"], scores["all"]["accuracy"]) == (14, 1)
    (tmp_path / "own" / "bored").mkdir()
    code, _, stderr = bench(*words, tmp_path / "own")
    assert code == 1
    assert "must be named by a label" in stderr


def test_a_model_of_other_labels_is_scored_by_what_has_them_or_says_why_not(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    path, out = tmp_path / "data.npz", tmp_path / "out.json"
    words = [EIGHT_LABELS, "nano-int8", "small-int8", "--quick", "--data", path]
    save(small_fer2013, path)
    code, stdout, stderr = bench(*words)
    assert code == 0, stderr
    assert stdout.count("not scored: PublicTest has other labels than its neutral, happy, ") == 1
    votes = np.zeros((210, 10), np.uint8)
    votes[np.arange(210), np.arange(210) % 8] = 8
    save(replace(small_fer2013, ferplus_votes=votes), path)
    code, stdout, stderr = bench(*words, "--json", out, "--report", tmp_path / "report")
    assert code == 0, stderr
    assert stdout.count("scored on PublicTest, FER+ majority, 8-class, 35 faces") == 1
    page = (tmp_path / "report" / "benchmark.md").read_text()
    assert page.count("is scored on PublicTest, FER+ majority, 8-class, 35 faces.") == 1
    eight, nano, _ = json.loads(out.read_text())["models"]
    assert [own["protocol"] for own in eight["accuracy"]] == ["PublicTest, FER+ majority, 8-class"]
    assert nano["accuracy"][0]["protocol"] == "PublicTest"


def test_wrong_models_options_and_missing_data_are_one_line_errors(
    golden: Path, tmp_path: Path
) -> None:
    for words, message, expected in (
        (["nonsense"], "no model nonsense", 1),
        ([golden / "tiny-int8.tflite", "--data", tmp_path / "none.npz"], "no imported FER2013", 1),
        ([golden / "tiny-int8.tflite", "--photo", tmp_path / "none.jpg"], "no photo at", 1),
        ([golden / "tiny-int8.tflite", "--delegate", "onnx"], "takes .onnx files", 1),
        ([golden / "tiny-int16x8.tflite", "--delegate", "xnnpack"], "supports none of the 5", 1),
        ([golden / "tiny-float32.onnx", "--delegate", "onnx-cuda"], "no CUDAExecutionProvider", 3),
        ([golden / "tiny-float32.onnx", "--delegate", "onnx-fast"], "no ONNX Runtime provider", 1),
    ):
        code, stdout, stderr = bench(*words)
        assert (code, stdout) == (expected, ""), stderr
        (line,) = stderr.splitlines()
        assert message in line
    assert bench("--delegate", "tpu")[0] == bench("--quick", "--full")[0] == 2


def test_the_help_shows_the_options_that_need_no_command() -> None:
    code, stdout, _ = bench("--help")
    assert code == 0
    assert all(word in stdout for word in ("run", "compare", "--delegate", "--full"))
    assert set(main.commands) == {"run", "compare"}


def test_a_delegate_reports_its_operators(golden: Path) -> None:
    tiny = golden / "tiny-int8.tflite"
    for delegate, kernels, taken in (("xnnpack", "XNNPACK", 2), ("none", "built-in kernels", 0)):
        session = open_delegate(tiny, delegate, 1)
        backend = describe_backend(session, delegate)
        session.close()
        assert backend.runtime.endswith(kernels)
        assert (backend.delegated_ops, backend.ops) == (taken, 4)


def test_an_execution_provider_never_falls_back_to_the_cpu(golden: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")
    model = golden / "tiny-float32.onnx"
    session = open_delegate(model, "onnx", 1)
    assert describe_backend(session, "onnx").runtime.endswith("CPUExecutionProvider")
    session.close()
    # Azure's provider is in every build and supports no operator of the model.
    if "AzureExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this build of ONNX Runtime has no provider beside the CPU's")
    with pytest.raises(RuntimeFailure, match="fallback to CPU EP has been explicitly disabled"):
        open_delegate(model, "onnx-azure", 1)
    with pytest.raises(NoAdapterError, match="has no CUDAExecutionProvider"):
        open_delegate(model, "onnx-cuda", 1)


def test_operators_are_profiled_by_both_runtimes(golden: Path) -> None:
    faces = synthetic_faces(4)[0]
    kinds = [o.kind for o in profile_operators(golden / "tiny-float32.tflite", faces)]
    assert any(kind.startswith("Average Pooling") for kind in kinds), kinds
    pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")
    operators = profile_operators(golden / "tiny-float32.onnx", faces)
    assert [operator.kind for operator in operators] == ["AveragePool", "Flatten", "MatMul"]
    assert all(0 < operator.microseconds < 1e6 / RUNS for operator in operators)


def test_the_order_of_execution_is_read_from_a_summary() -> None:
    text = """
===== Run Order =====
     [node type]    [start]    [first]   [avg ms]   [%]   [cdf%]   [mem KB] [times called]   [Name]
        QUANTIZE      0.000      0.002      0.002     1.129%     1.129%      0.000    200   [Builtin]:0
    Delegate/Convolution (NHWC, QC8) IGEMM   0.000   0.019   0.019   11.087%   12.216%   0.000   200   [Delegate]:0

===== Top by Computation Time =====
        QUANTIZE      0.000      0.002      0.002     1.129%     1.129%      0.000    200   [Builtin]:0
"""  # noqa: E501 - as LiteRT prints it
    first, second = parse_summary(text)
    assert (first.kind, first.name, first.microseconds) == ("QUANTIZE", "[Builtin]:0", 2.0)
    assert (second.kind, second.microseconds) == ("Convolution (NHWC, QC8) IGEMM", 19.0)
    assert parse_summary("another form") == ()


def test_a_video_is_timed_stage_by_stage(golden: Path, sample_photo: Path, tmp_path: Path) -> None:
    video, out = tmp_path / "video.avi", tmp_path / "out.json"
    photo = cv2.resize(read_photo(sample_photo), (320, 240))
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for _ in range(8):
        writer.write(photo)
    writer.release()
    words = [golden / "tiny-int8.tflite", "--quick", "--photo", video, "--json", out]
    assert bench(*words, "--data", _data(tmp_path))[0] == 0
    (large, small) = json.loads(out.read_text())["models"][0]["pipeline"]
    assert (large["image_wh"], large["detection_wh"]) == ([320, 240], [320, 240])
    assert large["faces"] == small["faces"] == 5  # eight frames, three of them to warm up
    video.write_bytes(b"no video")
    code, _, stderr = bench(*words, "--data", _data(tmp_path))
    assert code == 1
    assert "OpenCV cannot read a frame of" in stderr.splitlines()[-1]


def _data(folder: Path) -> Path:
    faces, labels = synthetic_faces(21)
    usage = np.repeat(np.array([0, 1, 2], np.uint8), 7)
    votes = np.zeros((0, 10), np.uint8)
    save(Fer2013(faces, labels, usage, np.arange(21, dtype=np.int32), votes), folder / "d.npz")
    return folder / "d.npz"


def test_gpu_without_an_adapter_is_one_line_and_exit_code_3(tmp_path: Path) -> None:
    program = "from fer_bench.cli.main import main; main()"
    words = ["--delegate", "gpu"]  # without a subcommand, and without FER2013
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **NOWHERE},
        cwd=tmp_path,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "no GPU adapter was found" in line
