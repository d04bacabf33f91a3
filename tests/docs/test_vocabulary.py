"""The project uses the field's terms: former names and figures of speech do not come back.

Each entry of `WORDS` gives a regular expression and what to write in its place. All text files of
the repository are searched, file names included, except those of `UNSEARCHED`. `ALLOWED` lists the
uses with another meaning.
"""

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
GAP: Final = r"(?:\s+(?:[#*/|>]+\s+)?)"
"""Between two words: white space, over the line breaks of paragraphs and comments too."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word that the project does not use.

    Attributes:
        pattern: Regular expression, case-sensitive unless it begins with `(?i)`; a space matches
            any white space, a line break too.
        write: What to write in its place.
        example: A use that the pattern finds; by default the word itself.
    """

    pattern: str
    write: str
    example: str = ""


WORDS: Final = {
    "ballot": Word(r"(?i)ballot", "cached predictions"),
    "voter": Word(r"(?i)\bvoters?\b|_voters?\b|\bvoters?_", "model reference, annotator"),
    "evidence": Word(r"(?i)evidence", "conversion data"),
    "answers": Word(r"(?i)\banswer(s|ed)?\b|_answers?\b|\banswers?_", "prediction, result"),
    "gate": Word(r"(?i)(?<!parity[\s_])(?<!parity)\bgates?\b", "parity gate, limit"),
    "examine": Word(r"(?i)\bexamin(e|es|ed|ing)\b", "inspect"),
    "drawn faces": Word(r"(?i)drawn[\s_-]faces?\b", "synthetic faces"),
    "made-up": Word(r"(?i)made[\s_-]up\b", "synthetic"),
    "folded, a module": Word(
        r"\bimport folded\b|\.folded\b|\bfolded\.py\b",
        "bn_folded",
        "from fer_train.models import folded",
    ),
    "shapes, a module": Word(
        r"\bimport shapes\b|\bdata\.shapes\b|\bshapes\.py\b|\bwith_shapes\b|\bface_shapes\b",
        "landmark_features",
        "with_shapes(data)",
    ),
    "views": Word(r"(?i)\bviews\b|_views\b|\bviews_", "augmentations, test-time augmentations"),
    "watched": Word(r"(?i)\bwatched\b|_watched\b", "validation set"),
    "taught": Word(r"(?i)\btaught\b|_taught\b|\btaught_", "distillation targets, trained on"),
    "first answer": Word(r"(?i)first[\s_-]answer", "startup, first prediction"),
    "instead, a module": Word(
        r"\.instead\b|\bimport instead\b|\binstead\.py\b|\binstead\(",
        "exclusive_options",
        "from fer_sdk.cli.instead import instead",
    ),
    "turns": Word(
        r"\bTurns\(|\bimport [Tt]urns\b|\.turns\b|\bturns\.py\b|\bin turns\b|\btakes? turns\b",
        "locks, interleaved",
        "timed in turns",
    ),
    "closing, a name": Word(
        r"\bClosing\b|_internal\.closing\b|\bimport closing\b|\bclosing\.py\b",
        "context_manager",
        "class Closing:",
    ),
    "stopping, a name": Word(
        r"\bcli\.stopping\b|\bimport stopping\b|\bstopping\.py\b",
        "stop_signals",
        "fer_sdk.cli.stopping",
    ),
    "journal": Word(r"(?i)journal", "resume_log"),
    "labelling, a name": Word(
        r"\bLabelling[A-Z]\w*|\.labelling\b|\bimport labelling\b|\blabelling\.py\b|_labelling\b",
        "processor",
        "LabellingSettings",
    ),
    "photo records": Word(r"(?i)photo[\s_]?records?\b", "photo_rows"),
    "records, a module": Word(
        r"\boutputs\.records\b|\bimport records\b|\brecords\.py\b",
        "frame_sinks",
        "fer_sdk.outputs.records",
    ),
    "walk": Word(r"(?i)\bwalk(s|ed|ing)?\b", "walkthrough, tutorial, search"),
    "clean": Word(r"(?i)\bclean\b|_clean\b|\bclean_", "deduplicated"),
    "honest": Word(r"(?i)\bhonest", "calibrated, explicit"),
    "a little kind": Word(
        r"(?i)\b(little|too|is|are|be) kind\b", "optimistic", "the row is a little kind"
    ),
    "lets go of": Word(r"(?i)\blets? go( of)?\b", "release, close"),
    "feels": Word(r"(?i)\bfeels?\b", "is trained with, is affected by"),
    "greets": Word(r"(?i)\bgreet", "prints"),
    "goes on": Word(r"(?i)\b(go|goes|going|went) on\b", "resume, continue"),
    "asks": Word(r"(?i)\basks\b", "requests, needs, evaluates"),
    "knows": Word(r"(?i)\bknows\b", "supports, contains, has"),
    "fall short": Word(r"(?i)\bf[ae]ll(s|ing)? short\b|\bshortfall", "results against targets"),
}

UNSEARCHED: Final = {
    "CHANGELOG.md": "lists former names",
    "LICENSE": "not ours to edit",
    "requirements/*": "names of packages",
    "*/package-lock.json": "names of packages",
    "tests/golden/*.json": "recorded data",
    "docs/results/*.json": "recorded data",
    "sdk/fer_sdk/models/*.json": "recorded data of the shipped models",
    "train/students/*.json": "recorded data",
    "tests/docs/test_vocabulary.py": "this list",
}


@dataclass(frozen=True, slots=True)
class Allowed:
    """A use of a word that has another meaning.

    Attributes:
        files: Glob of the files.
        pattern: Regular expression that matches the use, at the word, with what is around it.
        reason: Why the use stays.
    """

    files: str
    pattern: str
    reason: str


ALLOWED: Final = {
    "gate": [
        Allowed("*", r"fer_convert[./]gate\b|test_gate\.py|\"gate \|", "the parity gate's module"),
        Allowed("*", r"\bgate( = ParityGate|\.check)\b", "a variable of that type"),
    ],
    "walk": [Allowed("*", r"\b(os|ast|path)\.walk\b|\.walk\(", "standard library")],
    "closing, a name": [Allowed("*", r"contextlib import .*closing", "standard library")],
    "clean": [
        Allowed("Makefile", r"clean:|\bclean$", "the usual name of the target"),
        Allowed("*", r"clean (clone|checkout)", "of git"),
        Allowed("*", r"clean_session=False", "an argument of paho-mqtt"),
        Allowed("*", r"[\"']clean[\"']", "a heading, and a key of recorded results"),
        Allowed("*", r"(Public|Private)Test, clean\b", "a heading, and recorded in sidecars"),
        Allowed("*", r"clean %|public clean'", "a heading of a table"),
        Allowed("*", r"\w clean(\"|\\?n? \|)|, clean(\"|,? by class| \||:\")", "a heading"),
        Allowed("*", r"\bclean: |\bClean(: | leaves out | means )", "explains the heading"),
    ],
    "feels": [
        Allowed(
            "*", r"(person|people|they|whom|who|somebody|users?)\b[^.|]{0,60}\bfeels?\b",
            "what people feel, which the models do not predict",
        )
    ],
}  # fmt: skip


@cache
def texts() -> dict[str, str]:
    """Read the text files that git tracks, by path."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("needs a git checkout")
    found = {}
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if name and path.is_file() and not any(Path(name).match(glob) for glob in UNSEARCHED):
            content = path.read_bytes()
            if b"\0" not in content:
                found[name] = f"{name}\n{content.decode('utf-8', 'replace')}"
    return found


def uses(word: Word, allowed: list[Allowed]) -> list[str]:
    """Find the uses of a word that are not allowed, as `file:line: text`."""
    pattern = re.compile(word.pattern.replace(" ", GAP))
    found = []
    for name, text in texts().items():
        matches = list(pattern.finditer(text))
        excused = [
            span
            for use in (allowed if matches else [])
            if Path(name).match(use.files)
            for span in re.finditer(use.pattern, text, re.M)
        ]
        for match in matches:
            if not any(s.start() <= match.start() and match.end() <= s.end() for s in excused):
                line = text.count("\n", 0, match.start())
                found.append(f"{name}:{line}: {text.splitlines()[line].strip()[:120]}")
    return found


@pytest.mark.parametrize("name", WORDS)
def test_pattern_finds_its_example(name: str) -> None:
    assert re.search(WORDS[name].pattern.replace(" ", GAP), WORDS[name].example or name)


@pytest.mark.parametrize("name", WORDS)
def test_word_is_not_used(name: str) -> None:
    word = WORDS[name]
    found = uses(word, ALLOWED.get(name, []))
    assert not found, f"{name!r}: write {word.write}\n" + "\n".join(found)


@pytest.mark.parametrize("name", ALLOWED)
def test_each_exception_is_needed(name: str) -> None:
    for number, _ in enumerate(ALLOWED[name]):
        others = ALLOWED[name][:number] + ALLOWED[name][number + 1 :]
        assert uses(WORDS[name], others) != uses(WORDS[name], ALLOWED[name]), ALLOWED[name][number]
