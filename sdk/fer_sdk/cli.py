"""The `fer` command."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from fer_sdk import __version__
from fer_sdk.annotate import draw_faces, write_picture
from fer_sdk.commands.camera import camera
from fer_sdk.commands.timeline import timeline
from fer_sdk.commands.video import video
from fer_sdk.console import FerGroup, progress_bar, show_error
from fer_sdk.errors import FerError, InputError
from fer_sdk.images import read_photo
from fer_sdk.native_log import caught_native_log
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import RecognizedFace
from fer_sdk.runtimes import RUNTIMES
from fer_sdk.shipped import DEFAULT_MODEL


@click.group(cls=FerGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Recognise facial expressions on this device."""


main.add_command(video)
main.add_command(camera)
main.add_command(timeline)


@main.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for annotated pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
@click.option("--runtime", type=click.Choice(list(RUNTIMES)), help="Default: the file's own.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--max-faces", type=click.IntRange(1), default=64, show_default=True,
              help="Refuse photos with more faces.")  # fmt: skip
@click.option("--convert", is_flag=True, help="Accept grey, transparent and 16-bit images too.")
@click.option("--overwrite", is_flag=True, help="Replace annotated pictures that are there.")
def image(
    photos: tuple[Path, ...],
    out: Path | None,
    as_json: bool,
    model: str,
    runtime: str | None,
    threads: int,
    max_faces: int,
    convert: bool,
    overwrite: bool,
) -> None:
    """Label the faces of PHOTOS; a photo that cannot be labelled is one line and exit code 1."""
    failed = False
    results: list[dict[str, object]] = []
    pictures = _picture_paths(photos, out, overwrite)
    with caught_native_log():
        recognizer = ExpressionRecognizer(model, runtime=runtime, threads=threads)
    pairs = list(zip(photos, pictures, strict=True))
    with recognizer:
        # Lines as they come show the progress of a run without --json.
        for photo, picture in progress_bar(iterable=pairs, unit=" photos") if as_json else pairs:
            try:
                faces = _label(recognizer, photo, picture, max_faces=max_faces, convert=convert)
            except FerError as error:
                show_error(error)
                failed = True
                continue
            results.append(_result(photo, picture, faces))
            if not as_json:
                _print_faces(photo, picture, faces)
    if as_json:
        click.echo(json.dumps({"schema": 1, "model": model, "photos": results}, indent=1))
    if failed:
        raise click.exceptions.Exit(1)


def _picture_paths(
    photos: tuple[Path, ...], out: Path | None, overwrite: bool
) -> list[Path | None]:
    """Name the annotated pictures, refusing to write over anything unasked."""
    if out is None:
        return [None] * len(photos)
    pictures: list[Path | None] = [out / f"{photo.stem}.fer.jpg" for photo in photos]
    used = Counter(pictures)
    for photo, picture in zip(photos, pictures, strict=True):
        if used[picture] > 1:
            raise InputError(f"{photo} shares its name with another photo: use another --out")
        if picture is not None and picture.exists() and not overwrite:
            raise InputError(f"{picture} is there already: add --overwrite or another --out")
    return pictures


def _label(
    recognizer: ExpressionRecognizer,
    photo: Path,
    picture: Path | None,
    *,
    max_faces: int,
    convert: bool,
) -> list[RecognizedFace]:
    with caught_native_log() as log:
        pixels = read_photo(photo, convert=convert)
    if "Corrupt JPEG data" in log.text:  # OpenCV greys the rest and goes on
        raise InputError(f"{photo} is a damaged JPEG file: {log.text.strip().splitlines()[0]}")
    faces = recognizer.recognize(pixels, color="bgr")
    if not faces:
        raise InputError(f"no face found in {photo}: is one upright and at least 20 px wide?")
    if len(faces) > max_faces:
        raise InputError(
            f"{photo} has {len(faces)} faces, but --max-faces is {max_faces}: crop it or raise that"
        )
    if picture is not None:
        write_picture(picture, draw_faces(pixels, faces))
    return faces


def _result(photo: Path, picture: Path | None, faces: list[RecognizedFace]) -> dict[str, object]:
    return {
        "photo": str(photo),
        "picture": str(picture) if picture else None,
        "faces": [
            {
                "box_xyxy": face.box_xyxy,
                "landmarks": asdict(face.face.landmarks),
                "detection_score": face.face.score,
                "label": face.label,
                "confidence": face.confidence,
                "uncertain": face.expression.uncertain,
                "probabilities": dict(
                    zip(face.expression.labels, face.expression.probabilities, strict=True)
                ),
            }
            for face in faces
        ],
    }


def _print_faces(photo: Path, picture: Path | None, faces: list[RecognizedFace]) -> None:
    for face in faces:
        box = " ".join(f"{side:.0f}" for side in face.box_xyxy)
        doubt = " (uncertain)" if face.expression.uncertain else ""
        click.echo(f"{photo}: {face.label} {face.confidence:.1%}{doubt}, box {box}")
    if picture is not None:
        click.echo(str(picture))
