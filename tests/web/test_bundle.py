"""The bundle in the package is the one that web/ builds, whole, and small enough to travel with it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
SOURCES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "src")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def static(helpers):
    return helpers.site.STATIC


@pytest.fixture(scope="module")
def build(static):
    return json.loads((static / "BUILD.json").read_text(encoding="utf-8"))


def test_bundle_was_built_from_these_sources(build):
    found = [WEB / name for name in SOURCES]
    files = [p for path in found for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file()]
    # ordered as JavaScript orders: by UTF-16 units, which for these names is by bytes
    lines = sorted(f"{path.relative_to(WEB).as_posix()} {sha256(path)}\n" for path in files)
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == build["source"], (
        "web/ has changed: run `npm ci && npm run build` in it"
    )


def test_no_built_file_was_changed_added_or_lost(build, static):
    files = [path for path in static.rglob("*") if path.is_file() and path.name != "BUILD.json"]
    assert {path.relative_to(static).as_posix(): sha256(path) for path in files} == build["files"]


def test_bundle_is_small(static):
    assert sum(path.stat().st_size for path in static.rglob("*") if path.is_file()) < 12_000_000


def test_page_names_no_other_host_and_runs_nothing_inline(static):
    html = (static / "index.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in html
    assert "unsafe-inline" not in html
    assert "'unsafe-eval'" not in html
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", html)
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"\son\w+=|\sstyle=", html)


def test_every_bundled_package_is_listed_with_its_licence():
    listed = (WEB / "THIRD_PARTY.md").read_text(encoding="utf-8")
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads((WEB / "package.json").read_text(encoding="utf-8"))["dependencies"]
    for name in wanted:
        entry = lock["packages"][f"node_modules/{name}"]
        assert f"| {name} | {entry['version']} | {entry['license']} |" in listed
