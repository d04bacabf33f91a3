"""`fer image`: the faces of photos, one or thousands, labelled."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click

from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk.batch.processor import LabellingSettings, PhotoTask, label_photos
from fer_sdk.batch.resume_log import Journal
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.registry import DEFAULT_MODEL, find_model
from fer_sdk.cli.console import progress_bar
from fer_sdk.errors import InputError
from fer_sdk.outputs.photo_rows import PhotoRecord, columns, rows
from fer_sdk.runtimes import DELEGATES, RUNTIMES

PHOTO_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
PHOTOS_A_PROCESS: Final = 16
"""Fewer are labelled before another process would have started."""

STOPPED_EXIT_CODE: Final = 130
"""What shells say of a program that was stopped by Ctrl-C."""


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for annotated pictures.")
@click.option("--save-crops", type=click.Path(path_type=Path),
              help="Folder for what the model saw of each face.")  # fmt: skip
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write a row a face.")
@click.option("--jsonl", "jsonl_path", type=click.Path(path_type=Path),
              help="Write a JSON object a face, one a line.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
@click.option("--runtime", type=click.Choice(list(RUNTIMES)), help="Default: the file's own.")
@click.option("--delegate", type=click.Choice(DELEGATES), default="cpu", show_default=True,
              help="gpu runs all of a model there, or ends with exit code 3.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--processes", type=click.IntRange(1), help="Default: all cores for many photos.")
@click.option("--max-faces", type=click.IntRange(1), default=64, show_default=True,
              help="Refuse photos with more faces.")  # fmt: skip
@click.option("--convert", is_flag=True, help="Accept grey, transparent and 16-bit images too.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
def image(
    photos: tuple[Path, ...],
    out: Path | None,
    save_crops: Path | None,
    csv_path: Path | None,
    jsonl_path: Path | None,
    as_json: bool,
    model: str,
    runtime: str | None,
    delegate: str,
    threads: int,
    processes: int | None,
    max_faces: int,
    convert: bool,
    overwrite: bool,
) -> None:
    """Label the faces of PHOTOS: files, or folders with all below them.

    A photo that cannot be labelled is one line and exit code 1. With --csv or --jsonl a run that
    was stopped goes on when the same command is given again.
    """
    settings = LabellingSettings(model, runtime, delegate, threads, max_faces, convert)
    outputs = _Outputs(out, save_crops, csv_path, jsonl_path, overwrite)
    tasks = list(outputs.tasks(photos))
    named = {str(photo) for photo in photos}
    report = _Report(named, quiet=as_json or bool(outputs.tables), keep=as_json)
    outputs.check_tables()
    if outputs.tables:
        with outputs.journal(settings) as journal:
            left = [task for task in tasks if str(task.photo) not in journal.done]
            if journal.done:
                done = len(tasks) - len(left)
                click.echo(f"going on: {done} of {len(tasks)} photos are done", err=True)
            outputs.check_pictures(left, resumed=bool(journal.done))
            _run(left, settings, processes, report, journal)
        outputs.write_tables(journal, _labels(model))
        journal.path.unlink(missing_ok=True)
    else:
        outputs.check_pictures(tasks, resumed=False)
        _run(tasks, settings, processes, report, None)
    if as_json:
        whole = {"schema": 1, "model": model, "photos": report.records}
        click.echo(json.dumps(whole, indent=1))
    report.summarise(len(tasks))
    if report.failed:
        raise click.exceptions.Exit(1)


def _run(
    tasks: Sequence[PhotoTask],
    settings: LabellingSettings,
    processes: int | None,
    report: "_Report",
    journal: Journal | None,
) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    count = processes or max(1, min(cores or 1, len(tasks) // PHOTOS_A_PROCESS))
    records = label_photos(tasks, settings, count)
    try:
        # Lines as they come show the progress of a run that prints them.
        bar = progress_bar(total=len(tasks), unit=" photos") if report.quiet else None
        for record in records:
            if journal is not None:
                journal.append(record)
            report.add(record)
            if bar is not None:
                bar.update()
        if bar is not None:
            bar.close()
    except KeyboardInterrupt:
        records.close()
        again = ": the same command goes on" if journal is not None else ""
        click.echo(f"stopped after {report.photos} of {len(tasks)} photos{again}", err=True)
        raise click.exceptions.Exit(STOPPED_EXIT_CODE) from None


class _Report:
    """Tells what came of each photo, and counts."""

    def __init__(self, named: set[str], *, quiet: bool, keep: bool) -> None:
        """Take the photos that were named one by one, in which a face is expected."""
        self._named = named
        self._keep = keep
        self.quiet = quiet
        self.records: list[PhotoRecord] = []
        self.photos = self.faces = self.faceless = self.failed = 0

    def add(self, record: PhotoRecord) -> None:
        self.photos += 1
        self.faces += len(record["faces"])
        error = record["error"]
        if not error and not record["faces"]:
            self.faceless += 1
            if record["photo"] in self._named:
                error = (
                    f"no face found in {record['photo']}: is one upright and at least 20 px wide?"
                )
        if error:
            self.failed += 1
            click.echo(f"error: {_printable(error)}", err=True)
            return
        if self._keep:
            self.records.append(record)
        if not self.quiet:
            _print_faces(record)

    def summarise(self, photos: int) -> None:
        if photos > len(self._named) or photos > PHOTOS_A_PROCESS:
            click.echo(
                f"{self.photos} photos labelled now: {self.faces} faces, {self.faceless} photos "
                f"without a face, {self.failed} that could not be labelled",
                err=True,
            )


@dataclass(frozen=True, slots=True)
class _Outputs:
    """The files that were asked for."""

    pictures: Path | None
    crops: Path | None
    csv: Path | None
    jsonl: Path | None
    overwrite: bool

    @property
    def tables(self) -> list[Path]:
        return [path for path in (self.csv, self.jsonl) if path is not None]

    def tasks(self, photos: Sequence[Path]) -> Iterator[PhotoTask]:
        """Find the photos; names below a folder are kept below --out and --save-crops."""
        for given in photos:
            if given.is_dir():
                found = list(self._below(given))
                if not found:
                    suffixes = ", ".join(sorted(PHOTO_SUFFIXES))
                    raise InputError(f"no photo in {given}: none is named {suffixes}")
                for photo in found:
                    yield self._task(photo, photo.relative_to(given))
            else:
                yield self._task(given, Path(given.name))

    def _below(self, folder: Path) -> Iterator[Path]:
        own = {path.resolve() for path in (self.pictures, self.crops) if path is not None}
        for name, folders, files in os.walk(folder):
            folders[:] = sorted(f for f in folders if (Path(name) / f).resolve() not in own)
            for file in sorted(files):
                if Path(file).suffix.lower() in PHOTO_SUFFIXES and not file.startswith("."):
                    yield Path(name) / file

    def _task(self, photo: Path, below: Path) -> PhotoTask:
        picture = (
            self.pictures / below.with_name(f"{below.stem}.fer.jpg") if self.pictures else None
        )
        return PhotoTask(photo, picture, self.crops / below.with_suffix("") if self.crops else None)

    def check_tables(self) -> None:
        """Refuse to write over results unasked."""
        for path in self.tables:
            if path.exists() and not self.overwrite:
                raise InputError(f"{path} is there already: add --overwrite or take another name")

    def check_pictures(self, tasks: Sequence[PhotoTask], *, resumed: bool) -> None:
        """Refuse to write over pictures unasked or two over one."""
        for places in ([t.picture for t in tasks], [t.crops for t in tasks]):
            used = Counter(places)
            for task, place in zip(tasks, places, strict=True):
                if place is None:
                    continue
                if used[place] > 1:
                    raise InputError(
                        f"{task.photo} shares its name with another photo: use another --out"
                    )
                shown = (
                    place if place == task.picture else place.with_name(f"{place.name}.face1.png")
                )
                if shown.exists() and not self.overwrite and not resumed:
                    raise InputError(f"{shown} is there already: add --overwrite or another folder")

    def journal(self, settings: LabellingSettings) -> Journal:
        first = self.tables[0]
        run = {
            "schema": 1,
            "model_sha256": sha256_of(find_model(settings.model)),
            **asdict(settings),
            "pictures": str(self.pictures),
            "crops": str(self.crops),
        }
        return Journal(first.with_name(f"{first.name}.part"), run)

    def write_tables(self, journal: Journal, labels: Sequence[str]) -> None:
        if self.csv is not None:
            with write_beside(self.csv) as temporary:
                _write_csv(temporary, columns(labels), _rows_of(journal))
            click.echo(str(self.csv))
        if self.jsonl is not None:
            with write_beside(self.jsonl) as temporary, temporary.open("w") as file:
                for record in journal.records():
                    for number, face in enumerate(record["faces"], 1):
                        line = {"photo": record["photo"], "face": number, **face}
                        file.write(json.dumps(line) + "\n")
            click.echo(str(self.jsonl))
        skipped = [
            {"photo": record["photo"], "reason": record["error"]}
            for record in journal.records()
            if record["error"]
        ]
        if skipped:
            path = self.tables[0].with_suffix(".skipped.csv")
            with write_beside(path) as temporary:
                _write_csv(temporary, ["photo", "reason"], iter(skipped))
            click.echo(str(path))


def _rows_of(journal: Journal) -> Iterator[dict[str, object]]:
    for record in journal.records():
        yield from rows(record)


def _write_csv(path: Path, names: list[str], lines: Iterator[dict[str, object]]) -> None:
    # Names of files need not be text: what is none comes back as it went in.
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        table.writerows(lines)


def _labels(model: str) -> tuple[str, ...]:
    return ModelBundle.load(find_model(model)).labels


def _print_faces(record: PhotoRecord) -> None:
    photo = _printable(record["photo"])
    for face in record["faces"]:
        box = " ".join(f"{side:.0f}" for side in face["box_xyxy"])
        doubt = " (uncertain)" if face["uncertain"] else ""
        view = "".join(f", {reason}" for reason in face["quality"]["reasons"])
        click.echo(f"{photo}: {face['label']} {face['confidence']:.1%}{doubt}, box {box}{view}")
        if face["crop"]:
            click.echo(_printable(face["crop"]))
    if record["picture"]:
        click.echo(_printable(record["picture"]))


def _printable(text: str) -> str:
    """Escape what no terminal takes: names of files need not be text."""
    return text.encode(errors="backslashreplace").decode()
