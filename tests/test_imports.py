"""Scanning needs no torch: shown in a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import upprint

ROOT = Path(upprint.__file__).parent
FIXED = ("card", "images", "perturb", "preprocess", "result")
LIGHT = [
    "upprint",
    *(f"upprint.{name}" for name in FIXED),
    *(
        f"upprint.{folder}.{path.stem}"
        for folder in ("cli", "explain", "provenance", "runtime")
        for path in sorted((ROOT / folder).glob("*.py"))
        if path.stem != "__init__"
    ),
]
HEAVY = ("torch", "pyarrow", "sklearn", "matplotlib", "scipy", "lightning_fabric", "openvino", "onnx")


def run(code: str) -> str:
    environment = os.environ | {"PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_light_modules_are_found() -> None:
    assert {"upprint.cli._app", "upprint.runtime.session", "upprint.images"} <= set(LIGHT)


def test_light_modules_import_nothing_heavy() -> None:
    code = (
        "import sys, importlib\n"
        f"for name in {LIGHT!r}:\n"
        "    importlib.import_module(name)\n"
        f"    found = sorted(set(sys.modules) & set({HEAVY!r}))\n"
        "    if found: print(name, 'imports', *found); break\n"
        "else: print('none')"
    )
    assert run(code) == "none"


def test_the_check_can_fail() -> None:
    assert run("import sys, upprint.detector; print('torch' in sys.modules)") == "True"


def test_public_names_load_without_torch() -> None:
    code = (
        "import sys, upprint\n"
        "print(*(n for n in upprint.__all__ if getattr(upprint, n) is None), 'torch' in sys.modules)"
    )
    assert run(code) == "False"


def test_unknown_names_are_attribute_errors() -> None:
    assert not hasattr(upprint, "no_such_name")
    assert dir(upprint) == sorted(upprint.__all__)
