"""Accuracy, time and memory of other packages, on the same faces and interleaved with FER SDK."""
