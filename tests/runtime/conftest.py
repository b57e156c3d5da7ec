"""Fixtures of ../tiny_system.py; test folders are no packages, so it is loaded by its path."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

_spec = spec_from_file_location("tiny_system", Path(__file__).parents[1] / "tiny_system.py")
assert _spec is not None
assert _spec.loader is not None
tiny_system = module_from_spec(_spec)
_spec.loader.exec_module(tiny_system)
tiny, slow, pictures = tiny_system.tiny, tiny_system.slow, tiny_system.pictures


@pytest.fixture
def make_system():
    """The module itself: graph, card, write_system, write_pictures."""
    return tiny_system
