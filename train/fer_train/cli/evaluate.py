"""`fer-train evaluate`, `compare` and `teachers`: what models and runs score."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk.cli.console import DATA_OPTION, progress_bar
from fer_sdk.evaluation import fer2013


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--split", type=click.Choice(list(fer2013.SPLITS)), default="public",
              show_default=True, help="Read private once, last, for a final model.")  # fmt: skip
@click.option("--ferplus", is_flag=True, help="Against the majority of FER+'s votes.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for pictures and scores.json.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(
    model: Path, data: Path, split: str, ferplus: bool, out: Path | None, as_json: bool
) -> None:
    """Score MODEL (.keras, .tflite or .onnx) on all and on the clean faces of a split."""
    from fer_train.evaluation import evaluate as evaluation

    if out is not None:
        require("train", "drawing", "matplotlib")
    result = evaluation.evaluate(model, fer2013.load(data), fer2013.SPLITS[split], ferplus=ferplus)
    text = json.dumps(
        {"schema": 1, "model": str(model), "split": result.split,
         "all": asdict(result.all), "clean": asdict(result.deduplicated)},
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
            f"{title}, clean (n = {result.deduplicated.n})",
        )
        plots.draw_reliability(result, out / "reliability.png", f"{title} (n = {result.all.n})")
    click.echo(text if as_json else evaluation.describe(result))


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Draw the curves into this picture.")
def compare(runs: tuple[Path, ...], out: Path | None) -> None:
    """Print RUNS, folders of `fer-train fit`, side by side."""
    from fer_train.evaluation.compare import comparison, read_run

    summaries = [read_run(folder) for folder in runs]
    if out is not None:
        require("train", "drawing", "matplotlib")
        from fer_train.evaluation.plots import draw_comparison

        draw_comparison(summaries, out)
    click.echo(comparison(summaries))


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results/teachers.md"),
              show_default=True)  # fmt: skip
def teachers(runs: tuple[Path, ...], data: Path, out: Path) -> None:
    """Add finished RUNS, folders of `fer-train fit`, to a page; reads PrivateTest, once a run."""
    require("train", "scoring the runs", "keras")
    from research.teachers import read_teacher, with_kept, write_page

    dataset = fer2013.load(data)
    with progress_bar(total=len(runs), desc="scoring", unit=" runs") as bar:
        found = []
        for folder in runs:
            found.append(read_teacher(folder, dataset))
            bar.update()
    write_page(with_kept(found, out), out)
    click.echo(str(out))
