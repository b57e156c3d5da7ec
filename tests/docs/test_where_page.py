"""The page on maps is made from results, and says what they say."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from upprint.evaluate.bootstrap import Estimate
from upprint.evaluate.where_results import CalibrationBin, MapResult, WhereResult

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "where_page.py"


def module() -> ModuleType:
    sys.path.append(str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("where_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_page_is_fresh() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--check"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_result_as_a_section() -> None:
    some, none = Estimate(0.6, 0.55, 0.65), Estimate(None, undefined="none of this kind")
    local = MapResult(
        "cam", "the map", "as it is", some, some, none, some, some, some, some, some, some,
        (CalibrationBin(0.25, 0.5, 10),), True,
    )  # fmt: skip
    flat = replace(local, name="flat", beats_chance=False, calibration=())
    result = WhereResult(
        "s", "ab" * 32, "twins", 1.5, "0.01", "9 photos", ("m",), (), 9, 9, 9, 0.125, (local, flat),
        100, 0.95, 0, command="upprint where X", date="2026-01-02",
    )  # fmt: skip
    text = module().page([result])
    assert "| `cam` | 0.60 [0.55, 0.65] | 0.60 [0.55, 0.65] | – |" in text
    assert text.count("**yes**") == 1
    assert "logit 1.500" in text
    assert "cover 12.5 % on average" in text
    assert "| cam | 0.25 → 0.50 |" in text
    assert "Nothing was measured" in module().page([])
