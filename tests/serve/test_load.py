"""The load test runs on tiny sizes and finds every answer as expected; no figure is judged here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_load_test_runs(tmp_path: Path, helpers) -> None:
    data = helpers.tiny_system.graph(work=2)  # slow enough for the queue to fill
    system = helpers.tiny_system.write_system(tmp_path / "slow", data, helpers.tiny_system.card(data))
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "serve.py", "--quick", "--model", system, "--out", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "serve.json").read_text(encoding="utf-8"))
    assert found["quick"] is True
    assert found["checks"]["unexpected"] == "nothing"
    assert found["claims"][0]["median"] == 0
    overload = found["checks"]["overload"]
    assert overload["refused"] > 0
    assert overload["scored"] + overload["refused"] == overload["at_once"]
    assert found["checks"]["hostile"]["files"] > 60
    assert found["checks"]["hostile"]["requests"] > 10
    hour = found["checks"]["busy hour"]
    assert hour["requests"] == sum(hour["of which"].values()) == 60
    assert {"quarter_1", "quarter_4"} <= set(hour["scored pictures, by quarter of the run"])
    assert str(tmp_path) not in json.dumps(found)
