"""Name the expressions in a photo: python examples/photo.py PHOTO."""

import sys

from fer_sdk import ExpressionRecognizer

with ExpressionRecognizer() as recognizer:
    for face in recognizer.recognize(sys.argv[1]):
        doubts = ["not sure"] if face.expression.uncertain else []
        print(face.label, f"{face.confidence:.0%}", *doubts, *face.quality.reasons)
