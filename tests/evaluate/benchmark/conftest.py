"""A small benchmark over fake makers: two systems that are fitted at once, one missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.evaluate.benchmark.config import BenchmarkConfig, EvaluationConfig, SystemConfig, read_config

CONFIG = """
title = "A small benchmark"
reference = "npr"
out = "{root}/run"
without = ["init"]
[common]
steps = 3
batch = 8
paired = true
seed = 0
workers = 0
checkpoint_every = 1
[common.data]
root = "{root}/twins"
layout = "twins"
options = {{ subsets = ["nearest"] }}
validation = 0.5
[common.crops]
crop = 32
[tests.others]
title = "Another maker"
root = "{root}/twins"
layout = "twins"
options = {{ subsets = ["bilinear", "null"] }}
sources_per_subset = 6
[tests.made]
title = "Folders"
photos = "{root}/photos"
generated = "{root}/generated"
sources = ["kept/*"]
perturbation = "jpeg(90)"
[systems.npr]
recipe = "npr.toml"
[systems.durall]
recipe = "durall.toml"
train = {{ options = {{ bins = 20, side = 64 }} }}
note = "A line."
[systems.univfd]
missing = "no CLIP here"
"""

DATA = '[data]\nroot = "no"\nlayout = "photos"\n'
RECIPES = {
    "npr": f'system = "npr"\nout = "elsewhere"\nepochs = 7\nbatch = 2\n{DATA}',
    "durall": f'system = "durall"\nout = "elsewhere"\nepochs = 1\ninit = "x"\n{DATA}',
}
PICTURES = (
    "photos/kept/a",
    "photos/kept/b",
    "photos/left/c",
    "generated/x/1",
    "generated/x/2",
    "generated/y/1",
)


@pytest.fixture
def made(tmp_path: Path, make_twins: Callable[..., Path]) -> BenchmarkConfig:
    """The config, read from a file; its pictures and recipes are there."""
    make_twins(tmp_path / "twins", ("nearest", "bilinear", "null"), 12)
    rng = np.random.default_rng(1)
    for name in PICTURES:
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (70, 80, 3), np.uint8)).save(path)
    for name, text in RECIPES.items():
        (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "benchmark.toml").write_text(CONFIG.format(root=tmp_path.as_posix()))
    return read_config(tmp_path / "benchmark.toml")


@pytest.fixture
def settings() -> Callable[..., BenchmarkConfig]:
    """The least config; keywords replace its settings."""

    def make(**changes: object) -> BenchmarkConfig:
        least: dict[str, object] = {
            "title": "T",
            "tests": {"t": EvaluationConfig("T", root="x")},
            "systems": {"npr": SystemConfig(recipe="npr.toml")},
            "reference": "npr",
        }
        return BenchmarkConfig(**{**least, **changes})  # type: ignore[arg-type]

    return make
