"""The documentation builds without a warning, loads nothing from elsewhere, and no link of it is broken."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")),
    reason="needs the extra docs",
)
LOADED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
"""Attributes that a browser follows without being asked."""


class Page(HTMLParser):
    """What a page loads, where its links lead, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.names |= {values[name] for name in ("id", "name") if name in values}
        self.loaded += [values[name] for name in LOADED.get(tag, ()) if name in values]
        self.loaded += re.findall(r"url\(['\"]?([^'\")]+)", values.get("style", ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def test_every_page_is_built(site: Path, pages: dict[Path, Page]) -> None:
    sources = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    assert sources <= {path.relative_to(site).with_suffix("") for path in pages}


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        outside = [url for url in page.loaded if elsewhere(url)]
        assert not outside, f"{path.relative_to(site)} loads {outside}"
    sheets = sorted(site.rglob("*.css"))
    assert sheets
    for path in sheets:
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")\s;]+)", text)
        outside = [url for url in found if elsewhere(url)]
        assert not outside, f"{path.relative_to(site)} loads {outside}"


def test_what_is_loaded_is_there(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for url in page.loaded:
            if not url.startswith("data:"):
                assert target(site, path, url).is_file(), f"{path.relative_to(site)}: {url}"


def test_links_lead_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    count = 0
    for path, page in pages.items():
        for url in page.links:
            if urlsplit(url).scheme:
                continue
            count += 1
            file = target(site, path, url)
            assert file.is_file(), f"{path.relative_to(site)}: {url}"
            fragment = unquote(urlsplit(url).fragment)
            if fragment and not fragment.startswith("__"):
                assert fragment in pages[file].names, f"{path.relative_to(site)}: {url}"
    assert count > 100


def test_the_search_index_is_local(site: Path) -> None:
    assert (site / "search" / "search_index.json").is_file()


def elsewhere(url: str) -> bool:
    return urlsplit(url).scheme not in ("", "data") or url.startswith("//")


def target(site: Path, page: Path, url: str) -> Path:
    """The file behind a link; those of 404.html start at the site's root."""
    path = unquote(urlsplit(url).path)
    if not path:
        return page
    file = site / path.lstrip("/") if path.startswith("/") else Path(os.path.normpath(page.parent / path))
    return file / "index.html" if file.is_dir() else file


@pytest.mark.parametrize("url", ["https://a/b.js", "//a/b.js", "http://a"])
def test_elsewhere(url: str) -> None:
    assert elsewhere(url)
    page = Page(f'<script src="{url}"></script><img src="{url}"><p style="background:url({url})">')
    assert page.loaded == [url] * 3
