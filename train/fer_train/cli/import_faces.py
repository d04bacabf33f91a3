"""`fer-train import-faces`: cut faces of other sources as FER2013's are cut."""

from pathlib import Path

import click

from fer_sdk._internal.files import is_dir
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.cli.console import DATA_OPTION, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013


@click.command("import-faces")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--license", "license_name", required=True, help="License of the pictures.")
@click.option("--split", help="Take only this split of a pack.")
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("data/faces.npz"),
              show_default=True, help="File to write.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
def import_faces(
    source: Path, license_name: str, split: str | None, data: Path, out: Path, overwrite: bool
) -> None:
    """Import faces without expression labels from SOURCE: a face pack (.npz) or a folder of photos.

    Near copies of faces in FER2013's test splits are left out.
    """
    from fer_sdk.batch.photos import find_photos
    from fer_train.data import imported_faces

    check_outputs([out], [source, data], overwrite=overwrite)
    dataset = fer2013.load(data)
    if is_dir(source):
        if split is not None:
            raise click.UsageError("--split goes with a face pack, not with a folder of photos")
        from fer_sdk.detectors.yunet import YuNet

        with progress_bar(total=len(find_photos(source)), unit=" photos") as bar:
            detector = YuNet()
            try:
                faces, failures = imported_faces.from_photos(
                    source, license_name, detector, bar.update
                )
            finally:
                detector.close()
        for line in failures:
            click.echo(f"left out: {line}", err=True)
    else:
        faces = imported_faces.from_pack(source, license_name, split)
    copies = imported_faces.near_copies(faces.pixels, dataset)
    kept = faces.subset(~copies)
    if not len(kept.pixels):
        raise InputError(f"every face of {source} is a near copy of a test face of FER2013")
    imported_faces.save(kept, out)
    click.echo(f"{len(kept.pixels):,} faces, {int(copies.sum())} near copies left out")
    click.echo(str(out))
