"""Scanning tells nobody: no telemetry, no file left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

PROGRAM = """
import os, sys
import upprint
print(upprint.load(sys.argv[1])(sys.argv[2]).logit)
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""


def test_no_telemetry_and_nothing_in_the_temporary_folder(tmp_path: Path, tiny: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(picture)
    (tmp_path / "temporary").mkdir()
    (tmp_path / "home").mkdir()
    places = {"TMPDIR": str(tmp_path / "temporary"), "HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": ""}
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | places
    command = [sys.executable, "-c", PROGRAM, str(tiny), str(picture)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.split()[1] == "1"
    assert list((tmp_path / "temporary").iterdir()) == []
    assert list((tmp_path / "home").iterdir()) == []
