"""`fer image`: the faces of photos, one or thousands."""

import contextlib
import csv
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import click

from fer_sdk._internal.files import is_dir, sha256_of, write_beside
from fer_sdk._internal.opencv import require_opencv
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.batch.photos import MAX_PROCESSES, OWN_SUFFIX, no_photo, process_photos, search_folder
from fer_sdk.batch.processor import BatchSettings, PhotoTask
from fer_sdk.batch.resume_log import ResumeLog
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.bundles.registry import find_model, model_files
from fer_sdk.cli.console import echo, progress_bar
from fer_sdk.cli.options import (
    max_side_option,
    model_options,
    overwrite_option,
    path_option,
    search_option,
    small_faces,
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
@click.option("--processes", type=click.IntRange(1, MAX_PROCESSES),
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
    tasks, passed_over = outputs.tasks(photos)
    named = {str(photo) for photo in photos}
    small = small_faces(max_side, thorough=search == "thorough", has_search=True)
    report = _Report(named, small, quiet=as_json or bool(outputs.tables), keep=as_json)
    outputs.check(tasks, model)
    if outputs.tables:
        with outputs.resume_log(settings) as log:
            left = [task for task in tasks if str(task.photo) not in log.done]
            if log.done:
                done = len(tasks) - len(left)
                echo(f"resuming: {done} of {len(tasks)} photos are done", err=True)
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
        echo(json.dumps(printed, indent=1))
    for line in passed_over:
        echo(f"passed over in {line}", err=True)
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
        echo(f"stopped after {report.photos} of {len(tasks)} photos{again}", err=True)
        raise click.exceptions.Exit(STOPPED_EXIT_CODE) from None


class _Report:
    """Prints the result of each photo and counts photos and faces."""

    def __init__(self, named: set[str], small: str, *, quiet: bool, keep: bool) -> None:
        """Take the photos that were named on the command line; each must show a face.

        `small` states which faces are found.
        """
        self._named, self._small = named, small
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
                error = f"no face found in {result.photo}: {self._small}"
        if self._keep:
            self.results.append(replace(result, error=error))
        if error:
            self.failed += 1
            echo(f"error: {_printable(error)}", err=True)
        elif not self.quiet:
            _print_faces(result)

    def summarize(self, photos: int) -> None:
        if photos > len(self._named) or photos > PHOTOS_PER_PROCESS:
            echo(
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

    @property
    def log(self) -> Path:
        """The file from which a stopped run is resumed."""
        return self.tables[0].with_name(f"{self.tables[0].name}.part")

    @property
    def failures(self) -> Path:
        """The table of the photos that failed."""
        return self.tables[0].with_suffix(".skipped.csv")

    def tasks(self, given: Sequence[Path]) -> tuple[list[PhotoTask], list[str]]:
        """Find the photos; paths below a folder are kept below --out and --save-crops.

        Returns:
            The tasks, and a line for each folder of which files were passed over.
        """
        own = [path for path in (self.pictures, self.crops) if path is not None]
        photos: list[Path] = []
        names: list[Path] = []
        passed_over: list[str] = []
        for path in given:
            if not is_dir(path):
                photos.append(path)
                names.append(Path(path.name))
                continue
            found = search_folder(path, skip=own)
            if not found.photos:
                raise no_photo(path, found)
            photos += found.photos
            names += [photo.relative_to(path) for photo in found.photos]
            if summary := found.summary():
                passed_over.append(f"{_printable(str(path))}: {summary}")
        pairs = zip(photos, _kept_apart(names), strict=True)
        return [self._task(photo, name) for photo, name in pairs], passed_over

    def _task(self, photo: Path, name: Path) -> PhotoTask:
        picture = self.pictures / name.with_name(name.name + OWN_SUFFIX) if self.pictures else None
        return PhotoTask(photo, picture, self.crops / name if self.crops else None)

    def check(self, tasks: Sequence[PhotoTask], model: str) -> None:
        """Check all files that are written, against those that are read and each other."""
        read = [*(task.photo for task in tasks), *model_files(model)]
        check_outputs(self.tables)  # names that are folders, of which no others can be made
        tables = [*self.tables, self.failures] if self.tables else []
        check_outputs(tables, overwrite=self.overwrite)
        logs = [self.log] if self.tables else []
        check_outputs([*tables, *logs, *(task.picture for task in tasks)], read)
        if self.crops is not None:
            prefixes = {os.path.realpath(task.crops or "") for task in tasks}
            for photo in (task.photo for task in tasks):
                crop = re.fullmatch(r"(.+)\.face\d+\.png", os.path.realpath(photo))
                if crop and crop[1] in prefixes:
                    raise InputError(f"{photo} would be replaced by a crop: choose another folder")

    def check_pictures(self, tasks: Sequence[PhotoTask], *, resumed: bool) -> None:
        """Refuse to replace a picture without --overwrite."""
        if self.overwrite or resumed:
            return
        for task in tasks:
            crops = None if task.crops is None else Path(task.crops)
            crop = None if crops is None else crops.with_name(f"{crops.name}.face1.png")
            for path in (task.picture, crop):
                if path is not None and Path(path).exists():
                    raise InputError(
                        f"{path} already exists: add --overwrite or choose another folder"
                    )

    def resume_log(self, settings: BatchSettings) -> ResumeLog:
        run = {
            "schema": SCHEMA,
            "model_sha256": sha256_of(find_model(settings.model)),
            **asdict(settings),
            "pictures": str(self.pictures),
            "crops": str(self.crops),
        }
        return ResumeLog(self.log, run)

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
            echo(str(path))
        failed = [record for record in log.records() if record["error"]]
        if failed:
            with write_beside(self.failures) as temporary:
                _write_failed(temporary, failed)
            echo(str(self.failures))
        else:
            self.failures.unlink(missing_ok=True)  # of a run that --overwrite replaces


def _kept_apart(names: Sequence[Path]) -> list[Path]:
    """Return a different name without suffix for each photo.

    It is the photo's name without its suffix, if no other photo has that; else the name with its
    suffix, and with a number from 2 on if that is another photo's, too. Capitals do not
    distinguish names, because they do not in the folders of Windows and macOS.
    """
    stems = [name.with_suffix("") for name in names]
    count = Counter(str(stem).casefold() for stem in stems)
    taken = {stem for stem, photos in count.items() if photos == 1}
    apart = []
    for name, stem in zip(names, stems, strict=True):
        if count[str(stem).casefold()] > 1:
            stem, number = name, 1
            while str(stem).casefold() in taken:
                number += 1
                stem = name.with_name(f"{name.name}-{number}")
            taken.add(str(stem).casefold())
        apart.append(stem)
    return apart


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
        echo(f"{photo}: {face.label} {face.confidence:.1%}{doubt}, box {box}{quality}")
        if result.crops:
            echo(_printable(str(result.crops[number])))
    if result.picture:
        echo(_printable(str(result.picture)))


def _printable(text: str) -> str:
    """Escape what a terminal cannot show: a file name need not be valid text."""
    return text.encode(errors="backslashreplace").decode()
