"""Damaged and malicious model files, made from valid ones, are rejected."""

import contextlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.fuzz import run_cases
from tests.synthetic import synthetic_faces

from fer_sdk.bundles.registry import shipped_models
from fer_sdk.bundles.validation import flatbuffer, onnx, read_model, tflite
from fer_sdk.bundles.validation.malformed import MalformedError
from fer_sdk.errors import BundleError
from fer_sdk.runtimes import open_session


def root_of(data: bytes) -> flatbuffer.Table:
    return flatbuffer.root(data, b"TFL3", "the model", 8)


def graph_of(data: bytes) -> flatbuffer.Table:
    return root_of(data).tables(2, "the graph", 6)[0]


def place_of(table: flatbuffer.Table, field: int) -> int:
    """Return the offset of a field."""
    return table._inside(field, "i8")


def changed(data: bytes, at: int, layout: str, value: float) -> bytes:
    copy = bytearray(data)
    struct.pack_into(layout, copy, at, value)
    return bytes(copy)


def list_entry(table: flatbuffer.Table, field: int) -> int:
    """Return the offset of the first element of a vector of integers."""
    return table.vector(field, "i32").start


def with_first_shape(data: bytes, side: int) -> bytes:
    return changed(data, list_entry(graph_of(data).tables(0, "t", 11)[0], 0), "<i", side)


def with_operator_input(data: bytes, tensor: int) -> bytes:
    return changed(data, list_entry(graph_of(data).tables(3, "o", 14)[0], 1), "<i", tensor)


def with_last_operator_output(data: bytes, tensor: int) -> bytes:
    return changed(data, list_entry(graph_of(data).tables(3, "o", 14)[-1], 2), "<i", tensor)


def with_pool_stride(data: bytes, stride: int) -> bytes:
    operator = next(
        table for table in graph_of(data).tables(3, "o", 14) if table.integer(3, "u8") == 5
    )
    options = operator.table(4, "AVERAGE_POOL_2D", 6)
    assert options is not None
    return changed(data, place_of(options, 2), "<i", stride)


def with_builtin_code(data: bytes, code: int) -> bytes:
    entry = root_of(data).tables(1, "c", 4)[0]
    return changed(data, place_of(entry, 3 if entry.has(3) else 0), "<b", code)


def with_scale(data: bytes, scale: float) -> bytes:
    for tensor in graph_of(data).tables(0, "t", 11):
        table = tensor.table(4, "q", 7)
        if table is not None and table.numbers(2, "f32"):
            return changed(data, table.vector(2, "f32").start, "<f", scale)
    raise AssertionError("no tensor is quantised")


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "another file": (lambda d: d[:4] + b"TFL9" + d[8:], "has no file identifier TFL3"),
    "nothing": (lambda d: b"", "has no file identifier"),
    "first half": (lambda d: d[: len(d) // 2], "outside|beyond"),
    "root outside": (lambda d: changed(d, 0, "<I", 2**31), "outside"),
    "vtable outside": (
        lambda d: changed(d, struct.unpack_from("<I", d)[0], "<i", -(2**31)),
        "outside",
    ),
    "negative shape": (lambda d: with_first_shape(d, -1), "has the shape"),
    "huge shape": (lambda d: with_first_shape(d, 2**31 - 1), "has the shape"),
    "tensor outside": (lambda d: with_operator_input(d, 99), "no tensor 99"),
    "output read before it is computed": (
        lambda d: with_operator_input(d, graph_of(d).integers(2, "i32")[0]),
        "not yet computed",
    ),
    "input written": (
        lambda d: with_last_operator_output(d, graph_of(d).integers(1, "i32")[0]),
        "writes a tensor that is already computed",
    ),
    "stride 0": (lambda d: with_pool_stride(d, 0), "option 2 of AVERAGE_POOL_2D is 0"),
    "stride 7": (lambda d: with_pool_stride(d, 7), "AVERAGE_POOL_2D of .* cannot return"),
    "sparse weights operator": (
        lambda d: with_builtin_code(d, 124),
        "operator 124 \\(unknown\\) is not supported",
    ),
    "scale NaN": (lambda d: with_scale(d, float("nan")), "scale is not between"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_the_error_for_a_damaged_tflite_file_states_the_reason(kind: str, tiny_int8: Path) -> None:
    damage, message = DAMAGES[kind]
    with pytest.raises(MalformedError, match=message):
        tflite.check(damage(tiny_int8.read_bytes()))


def test_every_truncated_model_is_rejected(tiny_int8: Path, golden: Path) -> None:
    data = tiny_int8.read_bytes()
    for length in range(0, len(data) - 64, 7):
        with pytest.raises(MalformedError):
            tflite.check(data[:length])
    data = (golden / "tiny-float32.onnx").read_bytes()
    for length in range(len(data)):
        with pytest.raises(MalformedError):
            onnx.check(data[:length])


def message(*fields: tuple[int, bytes | int | str]) -> bytes:
    """Encode a protobuf message of short fields."""
    data = b""
    for number, value in fields:
        if isinstance(value, int):
            data += varint(number << 3) + varint(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            data += varint(number << 3 | 2) + varint(len(content)) + content
    return data


def varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80, value >> 7])


def onnx_model(*graph: tuple[int, bytes]) -> bytes:
    return message((1, 8), (8, b""), (7, message(*graph)))


RELU = message((1, "x"), (2, "y"), (4, "Relu"))
PADS = message((1, 1), (2, 7), (8, "pads"), (9, struct.pack("<q", 1000)))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (onnx_model((1, message((4, "Loop")))), "operator 'Loop' is not used"),
        (onnx_model((1, message((4, "Relu"), (7, "own.domain")))), "own.domain"),
        (onnx_model((1, message((4, "If"), (5, message((6, RELU)))))), "is not used|nested graph"),
        (onnx_model((1, message((4, "Relu"), (5, message((6, RELU)))))), "nested graph"),
        (onnx_model((5, message((1, 4), (2, 1), (13, "location"), (14, 1)))), "another file"),
        (onnx_model((5, message((1, 4), (2, 1), (9, b"1234")))), "4 bytes for a shape of 16"),
        (onnx_model((5, message((1, 4), (2, 8), (9, b"1234")))), "unsupported type 8"),
        (onnx_model((5, PADS), (1, message((1, "x"), (1, "pads"), (4, "Pad")))), "outside 0 to"),
        (onnx_model((1, message((1, "x"), (1, "pads"), (4, "Pad")))), "are not constant"),
        (onnx_model((1, message((4, "Conv"), (5, message((8, varint(300))))))), "attribute of 300"),
        (message((1, 8)), "0 graphs"),
        (message((7, RELU), (8, b""), (25, b"")), "local functions"),
        (b"\xff" * 20, "more than ten bytes"),
    ],
    ids=["loop", "custom operator", "if", "nested graph", "external data", "short constant",
         "strings", "huge pads", "computed pads", "huge stride", "no graph", "functions", "noise"],
)  # fmt: skip
def test_an_onnx_file_with_unsupported_contents_is_rejected(model: bytes, reason: str) -> None:
    onnx.check(onnx_model((1, RELU)))
    with pytest.raises(MalformedError, match=reason):
        onnx.check(model)


def test_all_shipped_models_are_valid_and_read_completely(golden: Path) -> None:
    for path in (*shipped_models().values(), *golden.glob("tiny-*.tflite"), *golden.glob("*.onnx")):
        assert read_model(path) == path.read_bytes()


def test_the_error_states_file_and_reason_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "own.tflite"
    path.write_bytes(b"no model")
    with pytest.raises(BundleError, match=r"^[^\n]*own\.tflite is not a well-formed [^\n]*TFL3"):
        read_model(path)
    with pytest.raises(BundleError, match="cannot read"):
        read_model(tmp_path / "nothing.onnx")


def test_350_mutated_files_give_predictions_or_a_fer_error() -> None:
    endings, bad, _ = run_cases(seed=1, count=350)
    assert bad == []
    assert sum(endings.values()) == 350
    assert {kind for kind, _ in endings} == {"model", "onnx", "sidecar", "photo"}
    assert endings["model", "predictions"] > 5


def test_30_files_of_other_origins_and_outputs_are_used_or_refused() -> None:
    pytest.importorskip("onnx", reason="foreign networks are made by the extra `convert`")
    pytest.importorskip("onnxruntime", reason="foreign networks need the extra `onnx`")
    pytest.importorskip("pyarrow", reason="--parquet needs the extra `parquet`")
    endings, bad, _ = run_cases(seed=1, count=30, kinds="files")
    assert bad == []
    assert {kind for kind, _ in endings} == {"foreign", "exif", "video", "outputs"}


def with_data_after_tables(data: bytes, excess: int = 0) -> bytes:
    """Move the largest buffer's bytes after the tables, as some writers of .tflite files do."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromPackedBuf(data, 0)
    largest = max(model.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data))
    moved = bytes(largest.data)
    largest.data, largest.offset, largest.size = None, 1 << 20, len(moved)
    for _ in range(2):  # the first pass determines the end of the tables
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        tables = bytes(builder.Output())
        tables += b"\0" * (-len(tables) % 16)
        largest.offset = len(tables) + excess
    return tables + moved


def test_buffers_after_the_tables_are_read_and_must_end_inside_the_file(
    tiny_int8: Path, tmp_path: Path
) -> None:
    pytest.importorskip("flatbuffers", reason="the file is made with flatbuffers")
    faces, _ = synthetic_faces(7)
    path = tmp_path / "after.tflite"
    path.write_bytes(with_data_after_tables(tiny_int8.read_bytes()))
    with (
        contextlib.closing(open_session(path)) as moved,
        contextlib.closing(open_session(tiny_int8)) as original,
    ):
        np.testing.assert_array_equal(moved.run(faces), original.run(faces))
    path.write_bytes(with_data_after_tables(tiny_int8.read_bytes(), excess=16))
    with pytest.raises(BundleError, match="a buffer reaches beyond the file"):
        read_model(path)
