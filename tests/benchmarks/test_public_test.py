from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import PUBLIC_TEST, Fer2013
from fer_sdk.labels import FERPLUS_LABELS
from research.public_test import labelled_faces


def test_truth_has_the_models_labels_and_order(small_fer2013: Fer2013, tiny_int8: Path) -> None:
    bundle = ModelBundle.load(tiny_int8)
    faces, truth = labelled_faces(small_fer2013, bundle)
    rows = small_fer2013.rows(PUBLIC_TEST, deduplicated=True)
    np.testing.assert_array_equal(faces, small_fer2013.pixels[rows])
    np.testing.assert_array_equal(truth, small_fer2013.emotion[rows])

    votes = np.zeros((len(small_fer2013.pixels), len(FERPLUS_LABELS)), np.uint8)
    label = np.arange(len(votes)) % 8  # contempt, which the model lacks, for an eighth
    votes[np.arange(len(votes)), label] = 10
    data = replace(small_fer2013, ferplus_votes=votes)
    crowd = replace(
        bundle, labels=FERPLUS_LABELS[6::-1], source={**bundle.source, "label_convention": "FER+"}
    )
    faces, truth = labelled_faces(data, crowd)
    kept = rows[label[rows] < 7]
    np.testing.assert_array_equal(faces, data.pixels[kept])
    np.testing.assert_array_equal(truth, 6 - label[kept])
    with pytest.raises(InputError, match="which the data lacks: import them"):
        labelled_faces(replace(data, ferplus_votes=votes[:0]), crowd)
