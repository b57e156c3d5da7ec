"""Process start to first verdict, against a bare script that opens the same graph and runs one picture."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter

from support.arms import clean_environment
from support.pictures import write_folder
from support.report import Claim, Context, Result

TITLE = "Process start to first verdict"
BARE, PYTHON, CLI = "bare script", "upprint.load()(path)", "upprint scan FILE"
_BARE = """
import sys
import numpy as np
import onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
pixels = np.asarray(Image.open(sys.argv[2]).convert("RGB"))[None]
print(session.run(["logit"], {"images": pixels})[0][0])
"""
_PYTHON = "import sys, upprint; print(upprint.load(sys.argv[1])(sys.argv[2]).verdict)"
_CLI = "import sys; from upprint.cli import main; sys.argv[0] = 'upprint'; main()"
_LINE = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)")
TOP = 8


def run(context: Context) -> Result:
    # One tile, so that starting is as large a share of the time as it can be.
    picture = write_folder(context.folder, 1, 256, 256, seed=1, fields=1)[0]
    graph = str(context.model.onnx)
    commands = {
        BARE: ["-c", _BARE, graph, picture],
        PYTHON: ["-c", _PYTHON, graph, picture],
        CLI: ["-c", _CLI, "scan", picture, "--system", graph],
    }
    if not context.quick:
        for command in commands.values():
            _seconds(command)  # fills the file cache and the bytecode
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(context.size(15, 1)):
        for name, command in commands.items():
            times[name].append(_seconds(command))
    claims = [
        Claim(
            f"{name} against the bare script",
            1.5,
            tuple(a / b for a, b in zip(times[name], times[BARE], strict=True)),
            sense="at most",
        )
        for name in (PYTHON, CLI)
    ]
    arms = {name: {"seconds": found} for name, found in times.items()}
    checks = {} if context.quick else {name: _imports(command) for name, command in commands.items()}
    settings = {"side": 256, "files": "in the file cache"}
    return Result(settings, claims, arms, {"milliseconds_to_import": checks})


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    _python(command)
    return time.perf_counter() - began


def _python(command: list[str]) -> str:
    """Run Python in an empty place, as a user would; returns what it wrote to stderr."""
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        env=clean_environment() | {"COLUMNS": "100"},
        cwd=os.sep,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"python {command[:2]} failed:\n{done.stderr}")
    return done.stderr


def _imports(command: list[str]) -> dict[str, float]:
    """Milliseconds spent on the imports of each package, what it imports from others not counted."""
    found: Counter[str] = Counter()
    for match in map(_LINE.match, _python(["-X", "importtime", *command]).splitlines()):
        if match:
            package = match[2].partition(".")[0]
            found["standard library" if package in sys.stdlib_module_names else package] += int(match[1])
    return {package: micro / 1000 for package, micro in found.most_common(TOP) if micro >= 1000}
