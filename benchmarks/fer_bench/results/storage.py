"""Reading and writing benchmark results as JSON files."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fer_bench.results.schema import SCHEMA, BenchmarkResult
from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk.errors import InputError


def write_json(result: BenchmarkResult, path: Path) -> None:
    """Write a result with all raw times.

    Raises:
        OutputError: If the file cannot be written.
    """
    text = "".join(_lines(asdict(result)))
    with write_beside(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> BenchmarkResult:
    """Read and validate a result.

    Raises:
        InputError: If the file is missing, is not a benchmark result, or has another schema.
        MissingDependencyError: If the extra `bench` is not installed.
    """
    require("bench", "reading results", "msgspec")
    import msgspec

    try:
        text = path.read_bytes()
        found = msgspec.json.decode(text)
        schema = found.get("schema") if isinstance(found, dict) else None
        if schema != SCHEMA:
            raise InputError(
                f"{path} must be a result of fer-bench with schema {SCHEMA}, "
                f"but has {schema}: measure it again with this version"
            )
        return msgspec.json.decode(text, type=BenchmarkResult)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is not a result of fer-bench: {error}") from error


def _lines(value: Any, depth: int = 1) -> Iterable[str]:
    """Yield JSON with objects indented and lists of numbers on one line."""
    pad, end = "\n" + " " * depth, "\n" + " " * (depth - 1)
    if isinstance(value, dict) and value:
        for number, (name, item) in enumerate(value.items()):
            yield f"{',' if number else '{'}{pad}{json.dumps(name)}: "
            yield from _lines(item, depth + 1)
        yield end + "}"
    elif isinstance(value, list | tuple) and value and isinstance(value[0], dict | list | tuple):
        for number, item in enumerate(value):
            yield f"{',' if number else '['}{pad}"
            yield from _lines(item, depth + 1)
        yield end + "]"
    else:
        yield json.dumps(value, allow_nan=False, separators=(",", ":"))
