"""`fer image`: the faces of photos, one or thousands."""

import contextlib
import csv
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click

from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk._internal.opencv import require_opencv
from fer_sdk.batch.photos import find_photos, process_photos
from fer_sdk.batch.processor import BatchSettings, PhotoTask
from fer_sdk.batch.resume_log import ResumeLog
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.bundles.registry import find_model
from fer_sdk.cli.console import progress_bar
from fer_sdk.cli.options import (
    max_side_option,
    model_options,
    overwrite_option,
    path_option,
    search_option,
)
from fer_sdk.cli.stop_signals import STOPPED_EXIT_CODE
from fer_sdk.detectors.yunet import Search
from fer_sdk.errors import InputError
from fer_sdk.outputs.sinks import SCHEMA, CsvSink, JsonLinesSink, ParquetSink, Sink
from fer_sdk.results import PhotoResult

PHOTOS_PER_PROCESS: Final = 16
"""With fewer photos, starting another process takes longer than it saves."""


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path))
@path_option("--out", "out", "Folder for annotated pictures.")
@path_option("--save-crops", "save_crops", "Folder for the model's input of each face.")
@path_option("--csv", "csv_path", "CSV file with a row per face.")
@path_option("--jsonl", "jsonl_path", "JSON Lines file with an object per photo.")
@path_option("--parquet", "parquet_path",
             "Parquet file with the rows of --csv; needs the extra `parquet`.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with all photos.")
@model_options
@max_side_option
@search_option
@click.option("--processes", type=click.IntRange(1),
              help="Processes to start. Default: one per core for many photos.")  # fmt: skip
@click.option("--max-faces", type=click.IntRange(1), default=BatchSettings().max_faces,
              show_default=True, help="Reject photos with more faces.")  # fmt: skip
@click.option("--convert", is_flag=True, help="Also accept grey, transparent and 16-bit images.")
@overwrite_option
def image(
    photos: tuple[Path, ...],
    out: Path | None,
    save_crops: Path | None,
    csv_path: Path | None,
    jsonl_path: Path | None,
    parquet_path: Path | None,
    as_json: bool,
    model: str,
    runtime: str | None,
    delegate: str,
    threads: int,
    prior: PriorChoice,
    max_side: int,
    search: Search,
    processes: int | None,
    max_faces: int,
    convert: bool,
    overwrite: bool,
) -> None:
    """Recognize the faces of PHOTOS: files, or folders with all folders below them.

    Photos that cannot be read are reported on stderr; the exit code is then 1. A run with --csv,
    --jsonl or --parquet that was stopped is resumed by the same command.
    """
    require_opencv("reading photos")
    settings = BatchSettings(
        model, runtime, delegate, threads, prior, max_faces, convert, max_side, search
    )
    outputs = _Outputs(out, save_crops, csv_path, jsonl_path, parquet_path, overwrite)
    tasks = list(outputs.tasks(photos))
    named = {str(photo) for photo in photos}
    report = _Report(named, quiet=as_json or bool(outputs.tables), keep=as_json)
    outputs.check_tables()
    if outputs.tables:
        with outputs.resume_log(settings) as log:
            left = [task for task in tasks if str(task.photo) not in log.done]
            if log.done:
                done = len(tasks) - len(left)
                click.echo(f"resuming: {done} of {len(tasks)} photos are done", err=True)
            outputs.check_pictures(left, resumed=bool(log.done))
            _run(left, settings, processes, report, log)
        outputs.write_tables(log, _labels(model))
        log.path.unlink(missing_ok=True)
    else:
        outputs.check_pictures(tasks, resumed=False)
        _run(tasks, settings, processes, report, None)
    if as_json:
        printed = {
            "schema": SCHEMA,
            "model": model,
            "labels": list(_labels(model)),
            "photos": [result.to_dict() for result in report.results],
        }
        click.echo(json.dumps(printed, indent=1))
    report.summarize(len(tasks))
    if report.failed:
        raise click.exceptions.Exit(1)


def _run(
    tasks: Sequence[PhotoTask],
    settings: BatchSettings,
    processes: int | None,
    report: "_Report",
    log: ResumeLog | None,
) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    count = processes or max(1, min(cores or 1, len(tasks) // PHOTOS_PER_PROCESS))
    results = process_photos(tasks, settings, processes=count)
    try:
        # Without files the printed lines show the progress.
        bar = progress_bar(total=len(tasks), unit=" photos") if report.quiet else None
        for result in results:
            if log is not None:
                log.append(result)
            report.add(result)
            if bar is not None:
                bar.update()
        if bar is not None:
            bar.close()
    except KeyboardInterrupt:
        results.close()
        again = ": the same command resumes" if log is not None else ""
        click.echo(f"stopped after {report.photos} of {len(tasks)} photos{again}", err=True)
        raise click.exceptions.Exit(STOPPED_EXIT_CODE) from None


class _Report:
    """Prints the result of each photo and counts photos and faces."""

    def __init__(self, named: set[str], *, quiet: bool, keep: bool) -> None:
        """Take the photos that were named on the command line; each must show a face."""
        self._named = named
        self._keep = keep
        self.quiet = quiet
        self.results: list[PhotoResult] = []
        self.photos = self.faces = self.faceless = self.failed = 0

    def add(self, result: PhotoResult) -> None:
        self.photos += 1
        self.faces += len(result)
        error = result.error
        if not error and not result:
            self.faceless += 1
            if result.photo in self._named:
                error = (
                    f"no face found in {result.photo}: a face must be upright and at least 20 "
                    "pixels wide"
                )
        if error:
            self.failed += 1
            click.echo(f"error: {_printable(error)}", err=True)
            return
        if self._keep:
            self.results.append(result)
        if not self.quiet:
            _print_faces(result)

    def summarize(self, photos: int) -> None:
        if photos > len(self._named) or photos > PHOTOS_PER_PROCESS:
            click.echo(
                f"{self.photos} photos processed: {self.faces} faces, {self.faceless} photos "
                f"without a face, {self.failed} photos failed",
                err=True,
            )


@dataclass(frozen=True, slots=True)
class _Outputs:
    """The files to write."""

    pictures: Path | None
    crops: Path | None
    csv: Path | None
    jsonl: Path | None
    parquet: Path | None
    overwrite: bool

    @property
    def tables(self) -> list[Path]:
        return [path for path in (self.csv, self.jsonl, self.parquet) if path is not None]

    def tasks(self, photos: Sequence[Path]) -> Iterator[PhotoTask]:
        """Find the photos; paths below a folder are kept below --out and --save-crops."""
        own = [path for path in (self.pictures, self.crops) if path is not None]
        for given in photos:
            if given.is_dir():
                for photo in find_photos(given, skip=own):
                    yield self._task(photo, photo.relative_to(given))
            else:
                yield self._task(given, Path(given.name))

    def _task(self, photo: Path, below: Path) -> PhotoTask:
        picture = (
            self.pictures / below.with_name(f"{below.stem}.fer.jpg") if self.pictures else None
        )
        return PhotoTask(photo, picture, self.crops / below.with_suffix("") if self.crops else None)

    def check_tables(self) -> None:
        """Refuse to replace a file without --overwrite."""
        for path in self.tables:
            if path.exists() and not self.overwrite:
                raise InputError(f"{path} exists already: add --overwrite or choose another name")

    def check_pictures(self, tasks: Sequence[PhotoTask], *, resumed: bool) -> None:
        """Refuse to replace a picture without --overwrite, and to write two to one path."""
        for places in ([t.picture for t in tasks], [t.crops for t in tasks]):
            used = Counter(places)
            for task, place in zip(tasks, places, strict=True):
                if place is None:
                    continue
                if used[place] > 1:
                    raise InputError(
                        f"{task.photo} has the same name as another photo: use another --out"
                    )
                path = Path(place)
                if place != task.picture:
                    path = path.with_name(f"{path.name}.face1.png")
                if path.exists() and not self.overwrite and not resumed:
                    raise InputError(
                        f"{path} exists already: add --overwrite or choose another folder"
                    )

    def resume_log(self, settings: BatchSettings) -> ResumeLog:
        first = self.tables[0]
        run = {
            "schema": SCHEMA,
            "model_sha256": sha256_of(find_model(settings.model)),
            **asdict(settings),
            "pictures": str(self.pictures),
            "crops": str(self.crops),
        }
        return ResumeLog(first.with_name(f"{first.name}.part"), run)

    def write_tables(self, log: ResumeLog, labels: Sequence[str]) -> None:
        with contextlib.ExitStack() as stack:
            sinks: list[Sink] = []
            if self.csv is not None:
                sinks.append(stack.enter_context(CsvSink(self.csv, labels, kind="photos")))
            if self.jsonl is not None:
                sinks.append(stack.enter_context(JsonLinesSink(self.jsonl)))
            if self.parquet is not None:
                sinks.append(stack.enter_context(ParquetSink(self.parquet, labels, kind="photos")))
            for record in log.records():
                for sink in sinks:
                    sink.write_record(record)
        for path in self.tables:
            click.echo(str(path))
        failed = [record for record in log.records() if record["error"]]
        if failed:
            path = self.tables[0].with_suffix(".skipped.csv")
            with write_beside(path) as temporary:
                _write_failed(temporary, failed)
            click.echo(str(path))


def _write_failed(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    # A file name need not be valid text: its bytes are written as they are.
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["photo", "error"])
        table.writerows([record["photo"], record["error"]] for record in records)


def _labels(model: str) -> tuple[str, ...]:
    return ModelBundle.load(find_model(model)).labels


def _print_faces(result: PhotoResult) -> None:
    photo = _printable(result.photo)
    for number, face in enumerate(result):
        box = " ".join(f"{side:.0f}" for side in face.box_xyxy)
        doubt = " (uncertain)" if face.uncertain else ""
        quality = "".join(f", {reason}" for reason in face.quality.reasons)
        click.echo(f"{photo}: {face.label} {face.confidence:.1%}{doubt}, box {box}{quality}")
        if result.crops:
            click.echo(_printable(str(result.crops[number])))
    if result.picture:
        click.echo(_printable(str(result.picture)))


def _printable(text: str) -> str:
    """Escape what a terminal cannot show: a file name need not be valid text."""
    return text.encode(errors="backslashreplace").decode()
