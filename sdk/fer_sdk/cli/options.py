"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.detectors.yunet import MAX_SIDE, SEARCHES
from fer_sdk.errors import InputError
from fer_sdk.runtimes import DELEGATES, MAX_THREADS, RUNTIMES
from fer_sdk.video.personal_baselines import BaselineSpan

MAX_DEVICE: Final = 999
STDOUT: Final = Path("-")
"""The path that stands for stdout."""

Command = TypeVar("Command", bound=Callable[..., Any])

model_option = click.option(
    "--model", default=DEFAULT_MODEL, show_default=True,
    help="Name of a shipped model or path of a model file.",
)  # fmt: skip

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace existing files.")


def path_option(
    name: str, parameter: str, text: str, *, required: bool = False, stdout: bool = False
) -> Callable[[Command], Command]:
    """Return an option that takes a path.

    Args:
        name: Name on the command line, such as "--csv".
        parameter: Name of the command's parameter.
        text: Help text.
        required: Whether it must be given.
        stdout: Whether `STDOUT` is allowed.
    """
    return click.option(
        name,
        parameter,
        type=click.Path(path_type=Path),
        help=text,
        required=required,
        callback=None if stdout else _refuse_stdout,
    )


def _refuse_stdout(
    context: click.Context, parameter: click.Parameter, path: Path | None
) -> Path | None:
    if path == STDOUT:
        raise click.BadParameter(
            "'-' is stdout, which only --jsonl of fer video and fer camera can write: give a name"
        )
    return path


class PriorType(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.2 on
    """A prior by name, or as shares: neutral=60,happy=30,..."""

    name = "prior"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> Any:
        """Return a name, or a share by label."""
        if not isinstance(value, str) or "=" not in value:
            return value
        shares = {}
        for part in value.split(","):
            label, _, share = part.partition("=")
            try:
                shares[label.strip()] = float(share)
            except ValueError:
                self.fail(f"{part!r} is not LABEL=SHARE, such as neutral=60", parameter, context)
        return shares


prior_option = click.option(
    "--prior", type=PriorType(), metavar="NAME|LABEL=SHARE,...",
    help="Expected class frequencies: everyday, balanced, training, fer2013 (networks trained on "
         "its labels), or a share for every label. Default: the model's own.",
)  # fmt: skip


max_side_option = click.option(
    "--max-side", type=click.IntRange(32), default=MAX_SIDE, show_default=True,
    help="Longest side of the searched image in pixels; the time grows with its square.",
)  # fmt: skip


class BaselineType(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.2 on
    """Seconds of a resting face, 3, or a span of the stream, 0-3."""

    name = "seconds"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> Any:
        """Return what `VideoRecognizer` takes as its baseline."""
        text = f"{value} s" if "-" in str(value) else f"first {value} s"
        try:
            BaselineSpan.parse(text)
        except InputError as error:
            self.fail(f"{value!r} is not SECONDS or FROM-TO, such as 3 or 0-3: {error}", parameter,
                      context)  # fmt: skip
        return text


class SourceType(click.ParamType):  # type: ignore[type-arg]  # generic only from click 8.2 on
    """A camera by number, or by path, address or pipeline."""

    name = "source"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> Any:
        """Return a number if there are only digits."""
        if not str(value).isdecimal():
            return value
        if int(value) > MAX_DEVICE:
            self.fail(f"{value} is not in the range 0<=x<={MAX_DEVICE}", parameter, context)
        return int(value)


baseline_option = click.option(
    "--baseline", type=BaselineType(), metavar="SECONDS|FROM-TO",
    help="Measure each person's resting face, and report changes from it: 3 takes the first 3 "
         "seconds of each face, 0-3 the faces seen in seconds 0 to 3 of the stream.",
)  # fmt: skip
changes_option = click.option(
    "--jsonl-changes", is_flag=True,
    help="With --jsonl: only frames in which a face appears or leaves or its label or changed_to "
         "changes.",
)  # fmt: skip
search_option = click.option(
    "--search", type=click.Choice(SEARCHES), default="fast", show_default=True,
    help="thorough also searches photos at full size in tiles, for small faces in large photos.",
)  # fmt: skip


def small_faces(max_side: int, *, thorough: bool = False, has_search: bool = False) -> str:
    """Return which faces are found, and the options for smaller ones.

    Args:
        max_side: Value of --max-side.
        thorough: Whether --search is thorough.
        has_search: Whether the command has the option --search.
    """
    least = "a face must be upright and at least 20 pixels wide"
    if thorough:
        return least
    search = "--search thorough or " if has_search else ""
    return (
        f"{least} when the picture is scaled to {max_side} pixels; for smaller ones add {search}a "
        "larger --max-side"
    )


def model_options(command: Command) -> Command:
    """Add --model, --runtime, --delegate, --threads and --prior."""
    for option in (
        prior_option,
        click.option("--threads", type=click.IntRange(1, MAX_THREADS), default=1, show_default=True,
                     help="CPU threads of classifier and detector."),
        click.option("--delegate", type=click.Choice(DELEGATES), default="cpu", show_default=True,
                     help="gpu runs the model on LiteRT's GPU delegate; without a GPU the command "
                          "ends with exit code 3."),
        click.option("--runtime", type=click.Choice(list(RUNTIMES)),
                     help="Default: litert for .tflite files, onnx for .onnx files."),
        model_option,
    ):  # fmt: skip
        command = option(command)
    return command
