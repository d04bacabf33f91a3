"""Batch processing of a photo archive on a Ray cluster: folders or Parquet in, Parquet out.

Ray (https://docs.ray.io) schedules the work and moves the data. Unlike the rest of the SDK this
module opens network connections, to the given cluster, and Ray writes logs below the system's
temporary folder. Ray's usage statistics are disabled.
"""

import logging
import os
import shutil
from pathlib import Path
from typing import Any, Final

from fer_sdk._internal.extras import require
from fer_sdk._internal.native_log import own_descriptors
from fer_sdk.batch.photos import PHOTO_SUFFIXES
from fer_sdk.batch.processor import BatchSettings, PhotoProcessor
from fer_sdk.errors import InputError, OutputError
from fer_sdk.outputs.rows import arrow_schema, rows

PHOTOS_PER_BATCH: Final = 32


class ArchiveWorker:
    """The work of one Ray actor: batches of photos in, rows out.

    A photo without a face, or one that fails, gives one row whose `face` is null; `error` states
    the reason of a failure.
    """

    def __init__(self, settings: BatchSettings, names: str, images: str) -> None:
        """Open the model.

        Args:
            settings: Model and limits.
            names: Column with the photos' names.
            images: Column with the content of their files.

        Raises:
            FerError: As `ExpressionRecognizer` does.
        """
        import cv2

        own_descriptors()
        cv2.setNumThreads(1)
        self._processor = PhotoProcessor(settings)
        self._schema = arrow_schema("photos", self._processor.labels)
        self._names, self._images = names, images

    def __call__(self, batch: Any) -> Any:
        """Process a batch, a `pyarrow.Table`; returns a table with the columns of `fer image`."""
        import pyarrow as pa

        found: list[dict[str, Any]] = []
        names, images = batch.column(self._names), batch.column(self._images)
        for name, image in zip(names.to_pylist(), images.to_pylist(), strict=True):
            result = self._processor.process_bytes(str(name), image if image is not None else b"")
            found += rows(result.to_dict()) or [{"photo": result.photo, "error": result.error}]
        return pa.Table.from_pylist(found, schema=self._schema)


def process_archive(
    source: str | Path,
    out: str | Path,
    settings: BatchSettings | None = None,
    *,
    workers: int = 2,
    address: str | None = None,
    names: str = "photo",
    images: str = "image",
) -> None:
    """Process all photos of an archive.

    Args:
        source: Folder of photos (JPEG, PNG, WebP, BMP, at any depth), or a .parquet file or folder
            of such files with the columns `names` and `images`.
        out: Folder for the Parquet files; must not exist.
        settings: Model and limits; a model that is a file must exist on every machine. None takes
            the defaults.
        workers: Ray actors, one CPU core each.
        address: Ray cluster, such as "auto"; None starts one on this machine for this call.
        names: Column with the photos' names.
        images: Column with the content of their files, as bytes.

    Raises:
        InputError: If `source` has no photos.
        OutputError: If `out` exists.
        MissingDependencyError: If Ray is not installed.
        FerError: As `ExpressionRecognizer` does.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read at import
    require("ray", "processing an archive on Ray", "ray", "pyarrow")
    import ray

    source, out, settings = Path(source), Path(out), settings or BatchSettings()
    PhotoProcessor(settings).close()  # one error here for an invalid model, not one per worker
    part = out.with_name(f"{out.name}.part")
    for path in (out, part):
        if path.exists():
            raise OutputError(f"{path} already exists: choose another name, or remove it")
    if not source.exists():
        raise InputError(f"no archive at {source}")
    started = not ray.is_initialized()
    if started:
        options = {"address": address} if address else {"num_cpus": workers + 1}
        ray.init(
            **options,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    try:
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        photos, names, images = _read(source, names, images)
        processed = photos.map_batches(
            ArchiveWorker,
            fn_constructor_args=(settings, names, images),
            batch_format="pyarrow",
            batch_size=PHOTOS_PER_BATCH,
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=1,
        )
        processed.write_parquet(str(part))
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if started:
            ray.shutdown()


def _read(source: Path, names: str, images: str) -> tuple[Any, str, str]:
    """Return the photos as a Ray dataset, and its columns of names and of contents."""
    import ray

    path = str(source.resolve())
    if source.suffix == ".parquet" or any(source.rglob("*.parquet")):
        found = ray.data.read_parquet(path)
        missing = {names, images} - set(found.schema().names)
        if missing:
            raise InputError(
                f"{source} has the columns {sorted(found.schema().names)}, but not "
                f"{sorted(missing)}: name the columns"
            )
        return found.select_columns([names, images]), names, images
    suffixes = [suffix.lstrip(".") for suffix in PHOTO_SUFFIXES]
    if not any(p.suffix.lower().lstrip(".") in suffixes for p in source.rglob("*")):
        raise InputError(f"{source} contains neither photos nor .parquet files")
    found = ray.data.read_binary_files(path, include_paths=True, file_extensions=suffixes)
    return found, "path", "bytes"
