"""The pages lead where they say, and leave no public name out."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import fer_sdk

ROOT = Path(__file__).parents[2]
# mkdocs checks the links of docs/; these pages are read in the repository.
READ_HERE = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "THIRD_PARTY_NOTICES.md",
             "android_demo/README.md", "android_demo/web/README.md"]  # fmt: skip
PAGES = [*READ_HERE, *sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("docs/**/*.md"))]
LINK = re.compile(r"\]\(([^()\s]+)\)|<(https?://[^>]+)>")


def links(page: str) -> list[str]:
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.S)
    return [inside or bare for inside, bare in LINK.findall(text)]


@pytest.mark.parametrize("page", READ_HERE)
def test_links_lead_to_files_of_the_repository(page: str) -> None:
    near = [link for link in links(page) if not urlsplit(link).scheme]
    assert [link for link in near if not ((ROOT / page).parent / link.split("#")[0]).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_beyond_are_whole(page: str) -> None:
    far = [urlsplit(link) for link in links(page) if urlsplit(link).scheme]
    for link in far:
        local = link.hostname in ("127.0.0.1", "localhost")
        assert link.scheme == "https" or local, link
        assert local or "." in (link.hostname or ""), link


def test_reference_shows_every_public_name() -> None:
    shown = re.findall(r"^::: fer_sdk\.(\w+)$", (ROOT / "docs/reference/api.md").read_text(), re.M)
    assert sorted([*shown, "__version__"]) == sorted(fer_sdk.__all__)
