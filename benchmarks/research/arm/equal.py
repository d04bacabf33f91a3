"""Hold a model's answers on this processor against those on emulated arm64 ones, bit for bit.

    python -m research.arm.equal small-int8 --out docs/results/arm-equality.md

An int8 output is dequantised one to one, so equal logits are equal int8 numbers.
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
              help="The first clean faces of PublicTest.")  # fmt: skip
@click.option("--machine", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the table to this file too.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
def main(
    model: str, data: Path, faces: int, machine: Path, out: Path | None, overwrite: bool
) -> None:
    """Compare the answers of MODEL (name or .tflite file) here and on emulated processors."""
    if out and out.exists() and not overwrite:
        raise InputError(f"{out} is there already: add --overwrite or another --out")
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
    text = f"""# {path.stem}: the same answers on arm64

Written by `python -m research.arm.equal {model}`: logits of the first {len(pixels)} clean faces of
PublicTest, LiteRT {environment["ai-edge-litert"]} on {environment["processor"]} against emulated
arm64 processors. The model's sha256 is `{sha256_of(path)}`.

| processor | equal outputs | largest difference of a logit |
|---|---|---|
""" + "\n".join([*rows, "", f"Emulated by {setup}.", ""])
    if out:
        with write_beside(out) as temporary:
            temporary.write_text(text, encoding="utf-8")
    click.echo(text)
    if differing:
        raise RuntimeFailure(f"{differing} outputs of {path.name} differ between the processors")


if __name__ == "__main__":
    main()
