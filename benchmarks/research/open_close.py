"""Whether opening and closing recognizers leaks: memory and open files before and after.

    python -m research.open_close PHOTO --count 1000

Linux; the first tenth of the rounds is warm-up, in which allocators take what they keep.
"""

import gc
from pathlib import Path

import click

from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.errors import FerError
from fer_sdk.recognizer import ExpressionRecognizer

ALLOWED_MB = 1.0
"""Growth after warm-up that counts as none."""


@click.command(cls=FerCommand)
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("--count", type=click.IntRange(10), default=1000, show_default=True)
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
def main(photo: Path, count: int, model: str) -> None:
    """Open, ask about PHOTO and close again and again; exit code 1 if anything is left behind."""
    warm_up = count // 10
    before = (0.0, 0)
    for number in progress_bar(iterable=range(count + warm_up), unit=" rounds"):
        if number == warm_up:
            before = _held()
        with ExpressionRecognizer(model) as recognizer:
            recognizer.recognize(photo)
    after = _held()
    click.echo(f"{count} rounds after {warm_up} of warm-up: {after[0] - before[0]:+.2f} MB, "
               f"{after[1] - before[1]:+d} open files, {after[0]:.0f} MB in all")  # fmt: skip
    if after[0] - before[0] > ALLOWED_MB or after[1] > before[1]:
        raise FerError("opening and closing leaks")


def _held() -> tuple[float, int]:
    """Return resident memory in MB and the number of open files."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (kb,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return int(kb) / 1024, len(list(Path("/proc/self/fd").iterdir()))


if __name__ == "__main__":
    main()
