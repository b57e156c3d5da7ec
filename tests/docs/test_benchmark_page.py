"""The pages that set systems side by side, against their results and against scikit-learn."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from upprint.evaluate.benchmark.kept import read
from upprint.evaluate.benchmark.testsets import SHARED

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "benchmark"
PAGES = {
    "default": "side-by-side.md",
    "systems": "comparison.md",
    "inputs": "inputs.md",
    "chroma": "colours.md",
}


def test_the_pages_are_what_their_script_writes() -> None:
    script = str(ROOT / "scripts" / "benchmark_page.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", PAGES)
def test_the_means_are_those_of_scikit_learn(folder: str) -> None:
    found = read(RESULTS / folder)
    text = (ROOT / "docs" / PAGES[folder]).read_text(encoding="utf-8")
    checked = 0
    for name, test in found.tests.items():
        if test.real_only:
            continue
        section = text.split(f"## {test.title}\n")[1].split("\nAUROC by sub-set")[0].split("\n## ")[0]
        for line in section.splitlines():
            if not (cells := re.match(r"\| (\S+) \| ([\d.]+) \[", line)):
                continue
            logits = found.system(cells[1]).logits[name]
            values = []
            for subset in test.subsets:
                kept = [i for i, row in enumerate(test.rows) if row[0] in (subset, SHARED)]
                values.append(roc_auc_score([test.rows[i][1] for i in kept], [logits[i] for i in kept]))
            assert abs(100 * np.mean(values) - float(cells[2])) <= 0.051
            checked += 1
    assert checked >= 6
