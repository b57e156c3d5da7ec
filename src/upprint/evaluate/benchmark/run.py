"""All cells of a benchmark: every system trained once, scored on every test; resumable cell by cell."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from upprint.data.protocol import protocol_for
from upprint.evaluate import predictions, results, tables
from upprint.evaluate.benchmark import kept, testsets
from upprint.evaluate.benchmark.config import BenchmarkConfig, SystemConfig, training
from upprint.evaluate.benchmark.kept import System
from upprint.evaluate.benchmark.testsets import TestSet
from upprint.evaluate.model import Model, open_model
from upprint.evaluate.predict import predict
from upprint.record import build
from upprint.result import ConfigError, DataError, Progress, require

TRAINED = "trained.json"
"""Beside a system's weights, once they are whole."""

Note = Callable[[str], None]
Bar = Callable[[str], Progress]
"""Title of a piece of work -> what is told (done, total)."""


def _silent(_title: str) -> Progress:
    return lambda _done, _total: None


def run(
    config: BenchmarkConfig,
    *,
    only: Sequence[str] = (),
    kept_in: Path | None = None,
    workers: int = 2,
    command: str = "",
    bar: Bar = _silent,
    note: Note = lambda _text: None,
) -> Path:
    """Train and score what is not there yet; returns the folder of results.

    Every system's file appears once all of its tests are scored. A run that was killed goes on with what is
    missing, each cell depends on its own settings alone, and two processes may share a folder as long as they
    work on different systems.

    Args:
        config: what to run.
        only: these systems; all if empty.
        kept_in: folder of what is kept; `results` below `config.out` if None.
        workers: decoding threads.
        command: what the user called.
        bar: makes the progress of each piece of work.
        note: told what happens next.

    Raises:
        ConfigError: unknown systems, a recipe that does not build, or another run in the folder.
        DataError: unusable data, or a test picture that a system could not score.
    """
    if unknown := sorted(set(only) - set(config.systems)):
        raise ConfigError(f"no system {', '.join(unknown)}; there are {', '.join(config.systems)}")
    folder = kept_in or Path(config.out) / "results"
    tests = [testsets.read(name, one) for name, one in config.tests.items()]
    kept.write_samples(
        folder,
        {test.name: kept.describe(test) for test in tests},
        title=config.title,
        introduction=config.introduction,
        reference=config.reference,
        order=tuple(config.systems),
    )
    for name in only or config.systems:
        found = _system(config, name, tests, folder, workers, command, bar, note)
        kept.write_system(folder, found)
    return folder


def weights_of(config: BenchmarkConfig, name: str) -> tuple[str | None, Path | None]:
    """(shipped system, file) of a system that is measured, for `open_model`; one of them is None."""
    system = config.systems[name]
    if system.weights:
        path = Path(system.weights)
        return (None, path) if path.suffix in (".onnx", ".safetensors") else (system.weights, None)
    folder = _folder(config, name)
    if not (folder / TRAINED).exists():
        raise DataError(f"{folder}: {name} is not trained yet; run the benchmark first")
    facts = json.loads((folder / TRAINED).read_text(encoding="utf-8"))
    return None, folder / facts["weights"]


def _folder(config: BenchmarkConfig, name: str) -> Path:
    return Path(config.out) / "systems" / name


def _system(
    config: BenchmarkConfig,
    name: str,
    tests: Sequence[TestSet],
    folder: Path,
    workers: int,
    command: str,
    bar: Bar,
    note: Note,
) -> System:
    system = config.systems[name]
    if system.missing:
        return System(name, note=system.note, missing=system.missing, date=_today(), command=command)
    facts = _prepare(config, name, system, bar, note)
    model = open_model(*weights_of(config, name))
    logits = {test.name: _logits(config, name, test, model, workers, command, bar) for test in tests}
    before = folder / f"{name}.json"
    timed = _speed_before(before, model.sha256)
    card = model.card
    scale = card.calibration
    return System(
        name,
        system=card.name,
        weights=model.weights,
        weights_sha256=model.sha256,
        trained_on=card.weights.trained_on if card.weights else "",
        parameters=model.parameters,
        options=json.loads(json.dumps(card.options)),
        threshold=scale.thresholds[scale.default_fpr] if scale else None,
        threshold_fpr=scale.default_fpr if scale else None,
        note=system.note,
        steps=facts.get("steps") if card.trained_by == "gradient" else None,
        train_seconds=facts.get("seconds"),
        **timed,
        date=_today(),
        command=command,
        logits=logits,
    )


def _prepare(
    config: BenchmarkConfig, name: str, system: SystemConfig, bar: Bar, note: Note
) -> dict[str, Any]:
    """Make a system's weights where they are made here; what is known of their training."""
    folder = _folder(config, name)
    if system.weights:
        return {}
    if system.average:
        return _average(config, system, folder)
    require("torch", extra="train", purpose="training")
    require("lightning_fabric", extra="train", purpose="training")
    from upprint.train import TrainConfig, fit

    recipe = build(
        TrainConfig, training(config, name, folder), f"{name} ({system.recipe}, changed)", ConfigError
    )
    written = folder / TRAINED
    wanted = json.loads(json.dumps(asdict(recipe)))
    if written.exists():
        facts: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
        if facts["config"] == wanted:
            return facts
        names = sorted(key for key in wanted if facts["config"].get(key) != wanted[key])
        raise ConfigError(f"{folder} was trained with other {', '.join(names)}; choose another out")
    note(f"{name}: training")
    fresh, began = not (folder / "last.ckpt").exists(), time.perf_counter()
    weights = fit(recipe, resume=True, progress=bar(f"{name}: training"))
    facts = {
        "weights": weights.name,
        "steps": recipe.steps,
        "seconds": round(time.perf_counter() - began, 1) if fresh else None,
        "config": wanted,
    }
    _write(written, facts)
    return facts


def _average(config: BenchmarkConfig, system: SystemConfig, folder: Path) -> dict[str, Any]:
    from upprint.resynthesis.average import write

    files = [weights_of(config, branch)[1] for branch in system.average]
    facts = {"weights": "resynthesis.safetensors", "branches": list(system.average)}
    folder.mkdir(parents=True, exist_ok=True)
    write([file for file in files if file is not None], folder / str(facts["weights"]), command="benchmark")
    _write(folder / TRAINED, facts)
    return facts


def _logits(
    config: BenchmarkConfig,
    name: str,
    test: TestSet,
    model: Model,
    workers: int,
    command: str,
    bar: Bar,
) -> tuple[float, ...]:
    out = Path(config.out) / "predictions" / name / f"{test.name}.jsonl"
    predict(
        test.samples,
        model,
        protocol_for(model.card.name, test.protocol),
        out=out,
        data=test.dataset,
        perturbation=test.perturbation,
        resume=out.exists(),
        workers=workers,
        command=command,
        progress=bar(f"{name}: {test.name}"),
    )
    found = predictions.read(out)
    rows = found.rows
    if failed := [row for row in rows if row.logit is None]:
        raise DataError(
            f"{name}: {len(failed)} pictures of {test.name} failed, such as {failed[0].path!r} "
            f"({failed[0].error}); a table over other pictures would not compare"
        )
    if config.tests[test.name].root:
        _write_results(found, Path(config.out) / "tables" / name, command)
    return tuple(round(row.logit, kept.ROUNDED) for row in rows if row.logit is not None)


def _write_results(found: predictions.Predictions, folder: Path, command: str) -> None:
    """One file per sub-set, as `upprint evaluate` writes them and `upprint table --results` reads them."""
    for result in results.measure(found, command=command).results:
        results.write(tables.with_reported(result), folder)


def _speed_before(path: Path, sha256: str) -> dict[str, Any]:
    """Speed that was measured with the same weights."""
    if not path.exists():
        return {}
    before = kept.read_system(path)
    if before.weights_sha256 != sha256:
        return {}
    return {"speed": before.speed, "relative_speed": before.relative_speed, "side": before.side}


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
