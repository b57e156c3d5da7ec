from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from upprint.evaluate.benchmark.config import (
    BenchmarkConfig,
    EvaluationConfig,
    SystemConfig,
    read_config,
    training,
)
from upprint.record import build
from upprint.result import ConfigError
from upprint.train import TrainConfig

ROOT = Path(__file__).parents[3]
CONFIGS = sorted((ROOT / "configs").glob("benchmark_*.toml"))


def test_a_benchmark_changes_recipes_key_by_key(made: BenchmarkConfig, tmp_path: Path) -> None:
    raw = training(made, "durall", tmp_path / "out")
    assert raw["out"] == str(tmp_path / "out")
    assert "epochs" not in raw  # the benchmark says steps
    assert "init" not in raw  # left out
    assert raw["data"]["layout"] == "twins"  # tables are replaced whole
    assert raw["options"] == {"bins": 20, "side": 64}
    assert build(TrainConfig, raw, "it", ConfigError).steps == 3


def test_what_a_system_keeps_stays_its_recipes(
    settings: Callable[..., BenchmarkConfig], tmp_path: Path
) -> None:
    (tmp_path / "r.toml").write_text('system = "npr"\nbatch = 2\nepochs = 7\n')
    system = SystemConfig(recipe=str(tmp_path / "r.toml"), keep=("batch",))
    config = settings(systems={"npr": system}, common={"batch": 8, "seed": 3})
    assert training(config, "npr", tmp_path) == {
        "system": "npr", "batch": 2, "epochs": 7, "seed": 3, "out": str(tmp_path)
    }  # fmt: skip


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_benchmarks_build(path: Path) -> None:
    config = read_config(path)
    for name, system in config.systems.items():
        if system.recipe:
            build(TrainConfig, training(config, name, Path("out")), name, ConfigError)


def test_there_are_shipped_benchmarks() -> None:
    assert len(CONFIGS) >= 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reference": "other"}, "reference 'other'"),
        ({"tests": {}}, "at least one"),
        ({"tests": {"a b": EvaluationConfig("T", root="x")}}, "names a file"),
        ({"systems": {"npr": SystemConfig(missing="gone")}}, "that are measured"),
        ({"systems": {"npr": SystemConfig(average=("x",))}}, "which are no systems here"),
        ({"side": 8}, "at least 64"),
    ],
)
def test_impossible_benchmarks_are_refused(
    settings: Callable[..., BenchmarkConfig], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        settings(**changes)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "either root"),
        ({"root": "x", "photos": "y"}, "either root"),
        ({"root": "x", "generated": "y"}, "needs photos"),
        ({"root": "x", "sources_per_subset": 1}, "at least 2"),
        ({"root": "x", "perturbation": "nonsense(1)"}, "nonsense"),
        ({"root": "x", "protocol": "nonsense"}, "nonsense"),
    ],
)
def test_impossible_tests_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        EvaluationConfig("T", **values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"recipe": "a", "missing": "b"},
        {"weights": "w", "train": {"seed": 1}},
        {"missing": "m", "keep": ("x",)},
    ],
)
def test_impossible_systems_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected one|exactly one"):
        SystemConfig(**values)


def test_unknown_keys_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text('title = "T"\nreference = "npr"\nspeed = 1\n')
    with pytest.raises(ConfigError, match="unknown keys"):
        read_config(tmp_path / "b.toml")
