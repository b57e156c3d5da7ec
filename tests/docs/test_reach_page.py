"""The page that says what more would buy, against its results and against scikit-learn."""

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


def test_the_page_is_what_its_script_writes() -> None:
    script = str(ROOT / "scripts" / "reach_page.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (ROOT / "docs" / "assets" / "reach.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("name", "amount"), [("localnet-phases-960", "960"), ("localnet-phases-half", None)], ids=str
)
def test_a_networks_point_is_that_of_scikit_learn(name: str, amount: str | None) -> None:
    found = read(ROOT / "results" / "benchmark" / "inputs")
    system, test = found.system(name), found.tests["equalised"]
    values = []
    for subset in test.subsets:
        kept = [i for i, row in enumerate(test.rows) if row[0] in (subset, SHARED)]
        labels = [test.rows[i][1] for i in kept]
        values.append(roc_auc_score(labels, [system.logits["equalised"][i] for i in kept]))
    label = amount or f"{system.parameters:,}"
    text = (ROOT / "docs" / "reach.md").read_text(encoding="utf-8")
    cells = re.search(rf"\| {label} \| ([\d.]+) \[", text)
    assert cells is not None
    assert abs(100 * np.mean(values) - float(cells[1])) <= 0.051
