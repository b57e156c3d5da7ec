"""Every benchmark runs on tiny sizes and writes what the table needs; no figure is judged here."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
NAMES = {
    "forge",
    "memory",
    "network",
    "resynthesis",
    "robustness",
    "scan_12mp",
    "scan_512",
    "scan_tiles",
    "scan_default",
    "startup",
    "training_step",
    "verdicts",
}
FP32 = 1e-3
"""Logits of two fp32 arms differ by rounding only; a wrong arm is off by far more."""


def script(name, *arguments):
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    done = script("run.py", "--quick", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def results(folder):
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir()}


def test_each_benchmark_writes_claims_with_bars(results):
    assert results.keys() == NAMES
    for name, data in results.items():
        assert data["name"] == name
        assert data["quick"] is True
        assert data["claims"], name
        for claim in data["claims"]:
            assert math.isfinite(claim["median"]), claim
            assert claim["min"] <= claim["median"] <= claim["max"]
            at_least = claim["sense"] == "at least"
            assert claim["reached"] == (
                claim["median"] >= claim["bar"] if at_least else claim["median"] <= claim["bar"]
            )


def test_the_machine_is_described_without_names(results):
    for data in results.values():
        assert data["machine"]["cores"] >= 1
        assert data["machine"]["versions"]["upprint"]
        text = json.dumps(data)
        assert os.uname().nodename not in text
        assert str(ROOT) not in text
        assert str(Path.home()) not in data["command"]


@pytest.mark.parametrize("name", ["scan_512", "scan_tiles", "scan_12mp"])
def test_arms_agree_on_the_logits(results, name):
    arms = results[name]["checks"]["arms"]
    exact = {arm: found for arm, found in arms.items() if "bf16" not in arm}
    assert exact
    assert len(exact) < len(arms)
    for arm, found in exact.items():
        assert found["largest_logit_difference"] < FP32, arm
        assert found["sign_flips"] == 0, arm
    for arm, found in arms.items():
        assert found["mean_logit_difference"] < 0.5, arm


def test_training_arms_start_from_the_same_loss(results):
    losses = results["training_step"]["checks"]["losses"]
    first, second = (found[0] for found in losses.values())
    assert first == pytest.approx(second, abs=0.02)


def test_residual_arms_agree_and_training_arms_start_alike(results):
    checks = results["resynthesis"]["checks"]
    apart = checks["largest_difference_from_the_plain_path"]
    for arm in ("tiles, exact", "whole, channels-last", "logits, exported graph"):
        assert apart[arm] < 1e-4, arm
    first, second = (losses[0] for losses in checks["losses"].values())
    assert first == pytest.approx(second, abs=0.01)  # residuals are kept in half precision


def test_memory_scan_has_a_row_for_every_file(results):
    data = results["memory"]
    assert data["settings"]["files"] == 40
    assert data["checks"]["rows_with_an_error"] == 16
    assert data["checks"]["samples"] > 1


def test_network_work_is_that_of_the_published_network(results):
    # 3.53 GFLOP at 224x224 by two per multiply-add; work grows with the area.
    found = results["network"]["checks"]["gflop_per_picture"]
    assert found["96"] == pytest.approx(found["64"] * (96 / 64) ** 2, rel=0.01)
    assert found["64"] == pytest.approx(4.53 / 16, rel=0.02)


def test_own_pictures_are_compared_and_bad_files_counted(tmp_path):
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for index in range(2):
        pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(pictures / f"{index}.png")
    (pictures / "bad.png").write_bytes(b"")
    done = script("run.py", "--quick", "--only", "verdicts", "--pictures", pictures, "--out", out)
    assert done.returncode == 0, done.stderr
    data = json.loads((out / "verdicts.json").read_text(encoding="utf-8"))
    assert data["settings"]["pictures"] == 2
    assert data["checks"]["unreadable"] == 1
    assert data["command"].endswith("--pictures pictures")


def test_table_lists_every_claim_and_notices_a_stale_page(folder, results, tmp_path):
    full, page = tmp_path / "full", tmp_path / "benchmarks.md"
    full.mkdir()
    for name, data in results.items():
        (full / f"{name}.json").write_text(json.dumps(data | {"quick": False}), encoding="utf-8")
    where = ("--results", full, "--page", page)
    assert script("table.py", *where, "--check").returncode == 1
    assert script("table.py", *where).returncode == 0
    assert script("table.py", *where, "--check").returncode == 0
    text = page.read_text(encoding="utf-8")
    for data in results.values():
        for claim in data["claims"]:
            word = "reached" if claim["reached"] else "missed"
            lines = [line for line in text.splitlines() if claim["text"] in line]
            assert any(line.endswith(f"| {word} |") for line in lines), claim
    refused = script("table.py", "--results", folder, "--page", page)
    assert refused.returncode == 1
    assert "--quick" in refused.stderr


def test_the_page_in_docs_is_made_from_the_results():
    if any((ROOT / "results" / "benchmarks").glob("*.json")):
        done = script("table.py", "--check")
        assert done.returncode == 0, done.stderr
    else:
        assert not (ROOT / "docs" / "benchmarks.md").exists()
