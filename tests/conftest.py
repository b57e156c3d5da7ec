"""One thread per test process: two run at a time, and results must not depend on it.

Also the fixtures of tiny_system.py for every test; test folders are no packages, so it is loaded by path.
"""

from __future__ import annotations

import os
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

_spec = spec_from_file_location("tiny_system", Path(__file__).parent / "tiny_system.py")
assert _spec is not None
assert _spec.loader is not None
tiny_system = module_from_spec(_spec)
_spec.loader.exec_module(tiny_system)
tiny, slow, pictures = tiny_system.tiny, tiny_system.slow, tiny_system.pictures


@pytest.fixture
def make_system() -> ModuleType:
    """The module itself: graph, card, write_system, write_pictures."""
    return tiny_system
