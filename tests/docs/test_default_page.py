"""The page on the default detector against its results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_its_script_writes() -> None:
    script = str(ROOT / "scripts" / "choose_default.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_group_has_rows_and_every_row_an_interval() -> None:
    found = json.loads((ROOT / "results" / "choose.json").read_text(encoding="utf-8"))
    assert {row["group"] for row in found["rows"]} == {
        "residuals",
        "scales",
        "ridge",
        "makers",
        "experts",
        "photos",
    }
    for row in found["rows"]:
        for figures in row["auroc"].values():
            value, low, high = figures["mean"]
            assert 0 <= low <= value <= high <= 1
            assert figures["worst"][0] <= value
