"""`fer-train import`: convert FER2013 to one .npz file."""

from pathlib import Path

import click

from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.cli.console import progress_bar
from fer_sdk.evaluation import fer2013


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--ferplus", type=click.Path(path_type=Path), help="fer2013new.csv with the votes of FER+."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("data/fer2013.npz"),
              show_default=True, help="File to write.")  # fmt: skip
@click.option("--partial", is_flag=True, help="Accept other numbers of faces than FER2013's.")
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
def import_command(
    source: Path, ferplus: Path | None, out: Path, partial: bool, overwrite: bool
) -> None:
    """Import FER2013 from SOURCE: a csv, a .zip or .tar.gz with a csv, or a folder of images."""
    from fer_train.data.importer import import_fer2013, save

    check_outputs([out], [source, ferplus], overwrite=overwrite)
    with progress_bar(desc="reading", unit=" rows") as bar:
        data = import_fer2013(
            source,
            ferplus=ferplus,
            partial=partial,
            progress=bar.update,
            note=lambda line: click.echo(line, err=True),
        )
    save(data, out)
    click.echo(f"{len(data.emotion):,} rows")
    for number, usage in enumerate(fer2013.USAGES):
        copies = int(data.copied_from_training[data.rows(number)].sum())
        note = f", {copies} with an exact copy in Training" if number else ""
        click.echo(f"{len(data.rows(number)):,} {usage}{note}")
    click.echo(f"{int(data.blank.sum())} blank images")
    click.echo(f"{'with' if len(data.ferplus_votes) else 'without'} FER+ votes")
    official = "are" if data.is_official else "are not"
    click.echo(f"rows and order {official} those of the official fer2013.csv")
    click.echo(str(out))
