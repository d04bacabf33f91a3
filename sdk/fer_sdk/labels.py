"""Label names of FER2013 and FER+, in the order of their class numbers."""

from typing import Final

FER2013_LABELS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Classes 0 to 6 of FER2013 (Goodfellow et al. 2013, https://arxiv.org/abs/1307.0414)."""

LABEL_FOLDERS: Final = {name: number for number, name in enumerate(FER2013_LABELS)} | {
    "anger": 0, "happiness": 3, "sadness": 4, "surprised": 5, "fearful": 2, "disgusted": 1,
}  # fmt: skip
"""Class number by folder name; some copies of FER2013 name their folders with nouns."""

FERPLUS_LABELS: Final = (
    "neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt",
    "unknown", "not-a-face",
)  # fmt: skip
"""Vote columns of FER+ (Barsoum et al. 2016, https://arxiv.org/abs/1608.01041)."""
