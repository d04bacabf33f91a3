"""The plugin that compares outputs on the pages with what the code prints."""

import pytest

pytest.importorskip("sybil")
from tests.docs.blocks import assert_same_output


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("happy 98%", "happy 97%"),
        ("right: 69.5 % of 1,000", "right: 70.4 % of 1,005"),
        ("angry 0.006\n", "angry 0.015"),
        ("box 178 63", "box 177 63"),
        ("", ""),
    ],
)
def test_small_differences_between_processors_are_allowed(printed: str, shown: str) -> None:
    assert_same_output(printed, shown)


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("happy 98%", "happy 95%"),
        ("happy 98%", "sad 98%"),
        ("happy 0.98", "happy 0.95"),
        ("2 faces", "3 faces"),
        ("box 178 63", "box 178"),
        ("box 178", "box 182"),
    ],
)
def test_other_differences_fail(printed: str, shown: str) -> None:
    with pytest.raises(AssertionError):
        assert_same_output(printed, shown)
