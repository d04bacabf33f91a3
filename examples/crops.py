"""Classify many face crops in one batch: python examples/crops.py CROP..."""

import sys

from fer_sdk import ExpressionClassifier, read_photo

paths = sys.argv[1:]
with ExpressionClassifier.load() as classifier:
    crops = [read_photo(path) for path in paths]
    for path, expression in zip(paths, classifier.classify(crops, color="bgr"), strict=True):
        print(f"{path}: {expression.label} {expression.confidence:.0%}")
