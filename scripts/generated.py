"""Folders of generated pages: written as a whole, or compared with what stands there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path


def main(folder: Path, wanted: Mapping[str, str], *, pattern: str, command: str) -> None:
    """Make the pages of `folder` that fit `pattern` exactly `wanted`; with --check, only compare."""
    parser = argparse.ArgumentParser(description=f"Write the generated pages of {folder.name}/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    if parser.parse_args().check:
        standing = {path.name: path.read_text(encoding="utf-8") for path in folder.glob(pattern)}
        stale = sorted(name for name in {**wanted, **standing} if wanted.get(name) != standing.get(name))
        sys.exit(f"{folder.name}: stale: {', '.join(stale)}; run {command}" if stale else 0)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(pattern):
        path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
