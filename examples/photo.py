"""Print the expressions in a photo: python examples/photo.py PHOTO."""

import sys

from fer_sdk import ExpressionRecognizer

with ExpressionRecognizer() as recognizer:
    for face in recognizer.recognize(sys.argv[1]):
        notes = ["uncertain"] if face.uncertain else []
        print(face.label, f"{face.confidence:.0%}", *notes, *face.quality.reasons)
