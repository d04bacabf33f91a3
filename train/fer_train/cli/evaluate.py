"""`fer-train evaluate`: scores of a model on a split of FER2013."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.sidecar import sidecar_of
from fer_sdk.cli.console import DATA_OPTION
from fer_sdk.evaluation import fer2013

WRITTEN: Final = ("scores.json", "confusion.png", "reliability.png")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--split", type=click.Choice(list(fer2013.SPLITS)), default="public",
              show_default=True,
              help="Split to evaluate; use private once, for a final model.")  # fmt: skip
@click.option("--ferplus", is_flag=True, help="Use the majority of the FER+ votes as truth.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for plots and scores.json.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    model: Path, data: Path, split: str, ferplus: bool, out: Path | None, as_json: bool
) -> None:
    """Evaluate MODEL (.keras, .tflite or .onnx) on all and on the deduplicated faces of a split."""
    from fer_train.evaluation import evaluate as evaluation

    if out is not None:
        check_outputs([out / name for name in WRITTEN], [model, sidecar_of(model), data])
        require("train", "drawing", "matplotlib")
    result = evaluation.evaluate(model, fer2013.load(data), fer2013.SPLITS[split], ferplus=ferplus)
    text = json.dumps(
        {"schema": 1, "model": str(model), "split": result.split,
         "all": asdict(result.all), "deduplicated": asdict(result.deduplicated)},
        indent=1,
    )  # fmt: skip
    if out is not None:
        from fer_train.evaluation import plots

        with write_beside(out / "scores.json") as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
        title = f"{model.name}, {result.split}"
        plots.draw_confusion(
            result.deduplicated,
            out / "confusion.png",
            f"{title}, deduplicated (n = {result.deduplicated.n})",
        )
        plots.draw_reliability(result, out / "reliability.png", f"{title} (n = {result.all.n})")
    click.echo(text if as_json else evaluation.describe(result))
