"""Pictures per second of several systems, in turns in one process, so that ratios meet the same machine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from upprint.data.protocol import named, views
from upprint.evaluate.benchmark import kept
from upprint.evaluate.benchmark.config import BenchmarkConfig
from upprint.evaluate.benchmark.run import weights_of
from upprint.evaluate.model import Model, open_model
from upprint.evaluate.predict import pooled_logits
from upprint.result import ConfigError, Progress

PICTURES = 4
ROUNDS = 5


def measure_speed(
    config: BenchmarkConfig, folder: Path, *, progress: Progress = lambda _done, _total: None
) -> None:
    """Time every system that is scored and keep it beside its logits.

    Raises:
        ConfigError: the config leaves speed out.
        DataError: a system is not scored yet.
    """
    if not config.side:
        raise ConfigError("side = 0 in the config leaves speed out; give the side of the pictures to time")
    names = [name for name, system in config.systems.items() if not system.missing]
    scored = {name: kept.read_system(folder / f"{name}.json") for name in names}
    models = {name: open_model(*weights_of(config, name)) for name in names}
    speeds = measure(models, config.side, progress=progress)
    for name, values in speeds.items():
        relative = (a / b for a, b in zip(values, speeds[config.reference], strict=True))
        timed = replace(
            scored[name],
            speed=tuple(round(value, 3) for value in values),
            relative_speed=tuple(round(value, 4) for value in relative),
            side=config.side,
        )
        kept.write_system(folder, timed)


def measure(
    models: Mapping[str, Model],
    side: int,
    *,
    rounds: int = ROUNDS,
    progress: Progress = lambda _done, _total: None,
) -> dict[str, list[float]]:
    """From pixels in memory to logits, native tiles, one warm-up each.

    Args:
        models: by name; all are open at once.
        side: of the square pictures of noise.
        rounds: in each, every system runs once, one after the other.
        progress: called with (runs done, runs).

    Returns:
        Pictures per second of every round, by name.
    """
    pictures = np.random.default_rng(0).integers(0, 256, (PICTURES, side, side, 3), dtype=np.uint8)
    inputs = {
        name: [views(picture, named("tiles"), model.card.input) for picture in pictures]
        for name, model in models.items()
    }
    found: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(rounds + 1):
        for at, (name, model) in enumerate(models.items(), start=1):
            began = time.perf_counter()
            list(pooled_logits(inputs[name], model))
            if turn:
                found[name].append(PICTURES / (time.perf_counter() - began))
            progress(turn * len(models) + at, (rounds + 1) * len(models))
    return found
