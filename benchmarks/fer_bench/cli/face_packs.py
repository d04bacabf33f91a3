"""`fer-bench --faces PACK.npz`: scores on a labelled face pack, without times."""

from itertools import chain
from pathlib import Path

import click

from fer_bench.cli.options import refuse_other_options
from fer_sdk import shipped_models
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.bundles.registry import model_files
from fer_sdk.cli.console import progress_bar
from fer_sdk.evaluation import face_pack


def is_pack(faces: Path) -> bool:
    """Return whether the path given by --faces is a face pack rather than a folder."""
    return faces.suffix == ".npz"


def bench_on_pack(
    pack: Path,
    models: tuple[str, ...],
    *,
    split: str | None,
    prior: PriorChoice,
    delegate: str,
    threads: int,
    json_path: Path | None,
    csv_path: Path | None,
) -> None:
    """Score models, print the table, and write JSON and CSV if requested.

    Args:
        pack: The face pack.
        models: Names or files; without, all shipped models.
        split: Value of the pack's column `split`; None takes all faces.
        prior: Class prior; None takes each model's own.
        delegate: Where the models run.
        threads: Number of CPU threads.
        json_path: File for the scores as JSON.
        csv_path: File for the scores as CSV.

    Raises:
        FerError: As `score_on_pack` does, or if the pack is unreadable or lacks the split, or an
            output is one of the files that are read.
    """
    refuse_other_options(
        "--faces PACK.npz", "models", "faces", "split", "prior", "delegate", "threads",
        "json_path", "csv_path",
    )  # fmt: skip
    from fer_bench.measure.face_packs import score_on_pack
    from fer_bench.reports.face_packs import table, write_csv, write_json

    files = [model_files(model) for model in models or shipped_models()]
    check_outputs([json_path, csv_path], [pack, *chain.from_iterable(files)])
    paths = [path for path, _ in files]
    faces = face_pack.load(pack)
    if split is not None:
        faces = faces.subset(split)
    with progress_bar(total=len(paths), desc="scoring", unit=" models") as bar:
        results = score_on_pack(
            paths, faces, prior=prior, delegate=delegate, threads=threads, progress=bar.update
        )
    if json_path is not None:
        write_json(results, pack, split, json_path)
    if csv_path is not None:
        write_csv(results, pack, split, csv_path)
    click.echo(table(results, pack.name if split is None else f"{pack.name}, split {split}"))
