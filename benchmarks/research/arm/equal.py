"""Compare a model's logits on this processor with those on emulated arm64 processors, bit by bit.

    python -m research.arm.equal small-int8 --out docs/results/arm-equality.md

Equal logits of an int8 model mean equal int8 outputs, because dequantization is injective.
"""

from pathlib import Path
from typing import get_args

import click
import numpy as np

from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.registry import DEFAULT_MODEL, find_model
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.errors import InputError, RuntimeFailure
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.fer2013 import PUBLIC_TEST
from fer_sdk.runtimes import open_session
from research.arm.machine import FOLDER, Cpu, Machine


@click.command(cls=FerCommand)
@click.argument("model", default=DEFAULT_MODEL)
@DATA_OPTION
@click.option("--faces", type=click.IntRange(1), default=200, show_default=True,
              help="Number of deduplicated PublicTest faces, from the first.")  # fmt: skip
@click.option("--machine", type=click.Path(path_type=Path), default=FOLDER, show_default=True,
              help="Folder of `python -m research.arm.setup`.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Write the page to this file.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def main(
    model: str, data: Path, faces: int, machine: Path, out: Path | None, overwrite: bool
) -> None:
    """Compare the logits of MODEL (name or .tflite file) with those on emulated processors."""
    if out and out.exists() and not overwrite:
        raise InputError(f"{out} exists: add --overwrite or choose another --out")
    path = find_model(model)
    dataset = fer2013.load(data)
    pixels = dataset.pixels[dataset.rows(PUBLIC_TEST, deduplicated=True)[:faces]]
    with captured_native_log():
        session = open_session(path)
    here = session.run(pixels)
    session.close()
    rows, differing = [], 0
    for cpu in progress_bar(iterable=get_args(Cpu), desc="emulate", unit=" processor"):
        there = Machine.find(cpu, machine).run_model(path, pixels)
        differing += int((here != there).sum())
        rows.append(
            f"| {cpu} | {int((here == there).sum()):,} of {here.size:,} | "
            f"{np.abs(here - there).max():.2g} |"
        )
    environment = describe_environment()
    versions = Machine.find(get_args(Cpu)[0], machine).description
    setup = ", ".join(f"{name} {value}" for name, value in versions.items())
    lines = [
        f"# {path.stem}: predictions on arm64",
        "",
        f"Written by `python -m research.arm.equal {model}` (source: "
        "`benchmarks/research/arm/equal.py`).",
        "",
        f"Logits of the first {len(pixels)} deduplicated PublicTest faces, compared bit by bit: "
        f"LiteRT {environment['ai-edge-litert']} on {environment['processor']} and on emulated "
        f"arm64 processors. SHA-256 of the model: `{sha256_of(path)}`.",
        "",
        "| processor | equal logits | largest difference of a logit |",
        "|---|---|---|",
        *rows,
        "",
        f"Emulator: {setup}.",
    ]
    text = "\n".join([*lines, ""])
    if out:
        with write_beside(out) as temporary:
            temporary.write_text(text, encoding="utf-8")
    click.echo(text)
    if differing:
        raise RuntimeFailure(f"{differing} logits of {path.name} differ between the processors")


if __name__ == "__main__":
    main()
