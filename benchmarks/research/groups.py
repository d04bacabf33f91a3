"""How often the faces of each group of people get which label, by each shipped int8 model.

    python -m research.groups fairface.npz --out docs/results

The face pack (`fer_sdk.evaluation.face_pack`) must have the columns `split`, `race`, `gender`,
`age`, `nose_off` and `smile`.
"""

from pathlib import Path
from typing import Final

import click

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk.bundles.registry import shipped_int8
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.evaluation import face_pack
from research.group_shares import measure_groups
from research.groups_page import draw, page

SPLIT: Final = "val"
"""Split of FairFace whose faces are not used in training."""


@click.command(cls=FerCommand)
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder for groups.md and groups.png.")  # fmt: skip
def main(pack: Path, out: Path) -> None:
    """Count the predictions of all shipped int8 models on the split `val` of PACK by group."""
    require("bench", "drawing plots", "matplotlib")
    faces = face_pack.load(pack).subset(SPLIT)
    models = progress_bar(iterable=shipped_int8(), unit=" models")
    found = [measure_groups(model, faces) for model in models]
    with write_beside(out / "groups.md") as temporary:
        text = page(found, SPLIT, f"python -m research.groups {pack.name}")
        temporary.write_text(text, encoding="utf-8")
    draw(found, out / "groups.png")
    click.echo(out / "groups.md")


if __name__ == "__main__":
    main()
