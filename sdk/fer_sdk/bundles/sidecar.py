"""Sidecars: JSON files beside model files, linked to them by a SHA-256."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

from fer_sdk._internal.files import is_file, sha256_of, write_beside
from fer_sdk.errors import BundleError

MAX_SIDECAR_BYTES: Final = 1 << 20

Bundle = TypeVar("Bundle")
Parse = Callable[[Path, Any], Bundle]
"""Returns the bundle of a model's path and its sidecar's content, or raises `WrongKeyError`."""


class WrongKeyError(Exception):
    """A key of the sidecar is missing, unknown or invalid."""


def sidecar_of(model: str | Path) -> Path:
    """Return the path of a model's sidecar: the model's path with ".json" added."""
    model = Path(model)
    return model.with_name(model.name + ".json")


def read_sidecar(path: Path, parse: Parse[Bundle]) -> Bundle:
    """Read the sidecar of a model file and compare its hash with the file's.

    Args:
        path: The model file.
        parse: Validates the content; `sha256` must be among the validated keys.

    Raises:
        BundleError: If a file is missing, a key of the sidecar is missing, unknown or invalid,
            or the hash is not that of the model file.
    """
    sidecar = sidecar_of(path)
    if not is_file(path):
        raise BundleError(f"no model at {path}")
    try:
        if sidecar.stat().st_size > MAX_SIDECAR_BYTES:
            raise BundleError(f"{sidecar} must have at most {MAX_SIDECAR_BYTES} bytes")
        text = json.loads(sidecar.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BundleError(
            f"{path} has no sidecar: expected {sidecar.name} beside it; "
            "`fer-convert check` states what a file of another origin needs"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{sidecar} is not readable JSON: {error}") from error
    try:
        bundle = parse(path, text)
    except WrongKeyError as error:
        raise BundleError(f"{sidecar}: {error}") from error
    actual = sha256_of(path)
    if actual != text["sha256"]:
        raise BundleError(
            f"{path} has the SHA-256 {actual[:12]}..., but its sidecar states "
            f"{text['sha256'][:12]}...: the model is truncated or changed, or the sidecar "
            "belongs to another model; export or download both again"
        )
    return bundle


def write_sidecar(path: Path, text: dict[str, Any], parse: Parse[Bundle]) -> None:
    """Write the sidecar of a model file with the file's hash.

    Args:
        path: The model file.
        text: Content, without `sha256`; `schema` comes first.
        parse: Validates the content.

    Raises:
        BundleError: If the model file is missing or a value is invalid.
        OutputError: If the sidecar cannot be written.
    """
    sidecar = sidecar_of(path)
    if not is_file(path):
        raise BundleError(f"cannot write {sidecar}: no model at {path}")
    text = {"schema": text["schema"], "sha256": sha256_of(path), **text}
    try:
        parse(path, text)
    except WrongKeyError as error:
        raise BundleError(f"cannot write {sidecar}: {error}") from error
    with write_beside(sidecar) as temporary:
        temporary.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")


def check_schema(text: Any, schema: int) -> None:
    """Raise `WrongKeyError` unless `text` is an object of this schema."""
    if not isinstance(text, dict) or text.get("schema") != schema:
        came = text.get("schema") if isinstance(text, dict) else type(text).__name__
        raise WrongKeyError(f"schema must be {schema}, but is {came!r}")


def check_names(
    found: dict[str, Any], expected: set[str], where: str, optional: Iterable[str] = ()
) -> None:
    """Raise `WrongKeyError` if an object has other keys than the expected and optional ones."""
    missing, unknown = expected - set(found), set(found) - expected - set(optional)
    if missing or unknown:
        raise WrongKeyError(
            f"{where} must have the keys {sorted(expected)}: "
            f"missing {sorted(missing)}, unknown {sorted(unknown)}"
        )


def check(found: dict[str, Any], key: str, good: Callable[[Any], bool], expected: str) -> Any:
    """Return the value of a key; raise `WrongKeyError` if `good` rejects it."""
    if not good(found[key]):
        raise WrongKeyError(f"{key} must be {expected}, but is {str(found[key])[:60]!r}")
    return found[key]


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number below a million."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


def is_name(value: Any) -> bool:
    """Return whether a value is printable text of 1 to 100 characters."""
    # Printable in terminals and tables: no line breaks, control characters or lone surrogates.
    return isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()


def is_hash(value: Any) -> bool:
    """Return whether a value is 64 hexadecimal digits."""
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def is_text_map(value: Any) -> bool:
    """Return whether a value is an object whose values are strings."""
    return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())


def are_metrics(value: Any) -> bool:
    """Return whether a value is a list of objects with data, split, n and an accuracy 0 to 1."""
    return isinstance(value, list) and all(
        isinstance(v, dict)
        and {"data", "split", "n"} <= set(v)
        and is_name(v["data"])
        and is_name(v["split"])
        and isinstance(v["n"], int)
        and is_number(v.get("accuracy", 0))
        and 0 <= v.get("accuracy", 0) <= 1
        for v in value
    )
