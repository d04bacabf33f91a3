"""Labelling an archive of photos on a Ray cluster: folders or Parquet in, Parquet out.

Ray (https://docs.ray.io) schedules and moves the data; this is the step that it maps. Unlike all
else in the SDK it opens connections, to the cluster that it is given, and Ray keeps its logs below
the system's temporary folder; Ray's usage statistics are switched off.
"""

import logging
import os
import shutil
from pathlib import Path
from typing import Any, Final

from fer_sdk._internal.extras import require
from fer_sdk.batch.processor import LabellingSettings, PhotoLabeller
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.registry import find_model
from fer_sdk.errors import InputError
from fer_sdk.outputs.photo_rows import columns, rows

PHOTOS_A_BATCH: Final = 32


class ArchiveLabeller:
    """What each of Ray's workers runs: batches of photos to rows, one a face.

    A photo without a face, or that cannot be labelled, gives one row whose `face` is null; `error`
    says why.
    """

    def __init__(self, settings: LabellingSettings, names: str, images: str) -> None:
        """Open the model, once a worker.

        Args:
            settings: How photos are labelled.
            names: Column of the photos' names.
            images: Column of their files' contents.

        Raises:
            FerError: As `ExpressionRecognizer` does.
        """
        import cv2

        cv2.setNumThreads(1)
        self._labeller = PhotoLabeller(settings)
        self._schema = row_schema(ModelBundle.load(find_model(settings.model)).labels)
        self._names, self._images = names, images

    def __call__(self, batch: Any) -> Any:
        """Label a batch, a `pyarrow.Table`; returns one of `row_schema`."""
        import pyarrow as pa

        found: list[dict[str, Any]] = []
        names, images = batch.column(self._names), batch.column(self._images)
        for name, image in zip(names.to_pylist(), images.to_pylist(), strict=True):
            record = self._labeller.label_bytes(str(name), image if image is not None else b"")
            faces = rows(record) or [{"photo": record["photo"]}]
            found += [{**row, "error": record["error"]} for row in faces]
        return pa.Table.from_pylist(found, schema=self._schema)


def row_schema(labels: tuple[str, ...]) -> Any:
    """Return the `pyarrow.Schema` of the rows: those of `fer image --csv`, and `error`."""
    import pyarrow as pa

    kinds = {"face": pa.int32(), "uncertain": pa.bool_()} | dict.fromkeys(
        ("photo", "label", "reasons", "error"), pa.string()
    )
    return pa.schema(
        [(name, kinds.get(name, pa.float64())) for name in [*columns(labels), "error"]]
    )


def label_archive(
    source: Path,
    out: Path,
    settings: LabellingSettings,
    *,
    workers: int,
    address: str | None = None,
    names: str = "photo",
    images: str = "image",
) -> None:
    """Label all photos of an archive.

    Args:
        source: Folder of photos (JPEG, PNG, WebP, BMP, at any depth), or a .parquet file or folder
            of such with the columns `names` and `images`.
        out: Folder for the Parquet files; must not be there.
        settings: How photos are labelled; a model that is a file must be on every machine.
        workers: Processes that label, one core each.
        address: Ray cluster, such as "auto"; None starts one on this machine, for this call.
        names: Column of the photos' names.
        images: Column of their files' contents, as bytes.

    Raises:
        InputError: If `source` has no photos or `out` is there.
        MissingDependencyError: If Ray is not installed.
        FerError: As `ExpressionRecognizer` does.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read at import
    require("ray", "labelling an archive on Ray", "ray", "pyarrow")
    import ray

    PhotoLabeller(settings).close()  # a wrong model is one error here, not one a worker
    if out.exists():
        raise InputError(f"{out} is there already: take another name")
    if not source.exists():
        raise InputError(f"no archive at {source}")
    begun = not ray.is_initialized()
    if begun:
        options = {"address": address} if address else {"num_cpus": workers + 1}
        ray.init(
            **options,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    part = out.with_name(f"{out.name}.part")
    try:
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        photos, names, images = _read(source, names, images)
        labelled = photos.map_batches(
            ArchiveLabeller,
            fn_constructor_args=(settings, names, images),
            batch_format="pyarrow",
            batch_size=PHOTOS_A_BATCH,
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=1,
        )
        shutil.rmtree(part, ignore_errors=True)
        labelled.write_parquet(str(part))
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if begun:
            ray.shutdown()


def _read(source: Path, names: str, images: str) -> tuple[Any, str, str]:
    """Return the photos as a Ray dataset and its columns of names and of contents."""
    import ray

    path = str(source.resolve())
    if source.suffix == ".parquet" or any(source.rglob("*.parquet")):
        found = ray.data.read_parquet(path)
        missing = {names, images} - set(found.schema().names)
        if missing:
            raise InputError(
                f"{source} has the columns {sorted(found.schema().names)}, but not "
                f"{sorted(missing)}: name them"
            )
        return found.select_columns([names, images]), names, images
    suffixes = ["jpg", "jpeg", "png", "webp", "bmp"]
    if not any(p.suffix.lower().lstrip(".") in suffixes for p in source.rglob("*")):
        raise InputError(f"{source} holds neither photos nor .parquet files")
    found = ray.data.read_binary_files(path, include_paths=True, file_extensions=suffixes)
    return found, "path", "bytes"
