"""Links of the documentation are valid; every public name is in the reference."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import fer_sdk

ROOT = Path(__file__).parents[2]
# mkdocs checks the links in docs/, but not those of pages outside it.
OUTSIDE_DOCS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "THIRD_PARTY_NOTICES.md",
             "android_demo/README.md", "android_demo/web/README.md"]  # fmt: skip
PAGES = [*OUTSIDE_DOCS, *sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("docs/**/*.md"))]
LINK = re.compile(r"\]\(([^()\s]+)\)|<(https?://[^>]+)>")


def links(page: str) -> list[str]:
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.S)
    return [in_brackets or bare for in_brackets, bare in LINK.findall(text)]


@pytest.mark.parametrize("page", OUTSIDE_DOCS)
def test_relative_links_point_to_existing_files(page: str) -> None:
    relative = [link for link in links(page) if not urlsplit(link).scheme]
    assert [
        link for link in relative if not ((ROOT / page).parent / link.split("#")[0]).exists()
    ] == []


@pytest.mark.parametrize("page", PAGES)
def test_external_links_are_https(page: str) -> None:
    external = [urlsplit(link) for link in links(page) if urlsplit(link).scheme]
    for link in external:
        local = link.hostname in ("127.0.0.1", "localhost")
        assert link.scheme == "https" or local, link
        assert local or "." in (link.hostname or ""), link


def test_reference_lists_every_public_name() -> None:
    listed = re.findall(r"^::: fer_sdk\.(\w+)$", (ROOT / "docs/reference/api.md").read_text(), re.M)
    assert sorted([*listed, "__version__"]) == sorted(fer_sdk.__all__)
