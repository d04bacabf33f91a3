"""`fer-train fit-priors`: class priors of a model, fitted on labelled faces."""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from fer_sdk.evaluation import face_pack


@click.command("fit-priors")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--split", default="fit", show_default=True, help="Split of PACK to fit on.")
def fit_priors(model: Path, pack: Path, split: str) -> None:
    """Fit the priors `everyday` and `balanced` of MODEL on PACK and write them into its sidecar.

    Its other priors are kept. MODEL is a .keras, .tflite or .onnx file; `fer-convert` copies the
    priors of a .keras file. PACK is a face pack (.npz) with the columns `label` and `split`.
    """
    from fer_train.evaluation.inference import open_model
    from fer_train.evaluation.priors import EVERYDAY
    from fer_train.evaluation.priors import fit_priors as fit

    faces = face_pack.load(pack).subset(split)
    with open_model(model) as (bundle, predict):
        # A constant per face is lost, which no prior depends on.
        logits = bundle.temperature * np.log(np.maximum(predict(faces.pixels), 1e-30))
    priors = fit(logits, faces.labels, bundle.labels)
    source = {**bundle.source, "priors": f"{pack.name}, split {split}, n = {len(faces.pixels)}"}
    kept = {name: prior for name, prior in bundle.priors.items() if name not in priors}
    replace(
        bundle, priors={**priors, **kept}, default_prior=EVERYDAY, source=source
    ).write_sidecar()
    click.echo(f"priors {', '.join(priors)} fitted on {len(faces.pixels):,} faces")
    click.echo(str(bundle.sidecar))
