"""The page that sets systems side by side, against its results and against scikit-learn."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "results" / "side_by_side"
SHARED = "photos shared by all generators"


def test_the_page_is_what_its_script_writes() -> None:
    script = str(ROOT / "scripts" / "side_by_side.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_system_has_a_logit_for_every_sample() -> None:
    tests = json.loads((FOLDER / "samples.json").read_text(encoding="utf-8"))
    systems = [path for path in FOLDER.glob("*.json") if path.name != "samples.json"]
    assert len(systems) >= 2
    for path in systems:
        logits = json.loads(path.read_text(encoding="utf-8"))["logits"]
        assert {name: len(values) for name, values in logits.items()} == {
            name: len(test["rows"]) for name, test in tests.items()
        }
        assert all(np.isfinite(values).all() for values in logits.values())


def test_the_means_are_those_of_scikit_learn() -> None:
    rows = json.loads((FOLDER / "samples.json").read_text(encoding="utf-8"))["equalised"]["rows"]
    text = (ROOT / "docs" / "side-by-side.md").read_text(encoding="utf-8")
    section = text.split("## Both classes at one size and quality")[1].split("\n## ")[0]
    for line in section.splitlines():
        if not (found := re.match(r"\| (\S+) \| ([\d.]+) \[", line)):
            continue
        logits = json.loads((FOLDER / f"{found[1]}.json").read_text(encoding="utf-8"))["logits"]["equalised"]
        values = []
        for name in {subset for subset, _, _ in rows} - {SHARED}:
            kept = [i for i, row in enumerate(rows) if row[0] in (name, SHARED)]
            values.append(roc_auc_score([rows[i][1] for i in kept], [logits[i] for i in kept]))
        assert abs(100 * np.mean(values) - float(found[2])) <= 0.051
