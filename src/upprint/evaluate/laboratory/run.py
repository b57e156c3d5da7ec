"""All cells of a laboratory, one after the other, in a folder that says what it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from upprint.allocator import keep_pages
from upprint.evaluate.laboratory.cell import Scored, cells, load, measure, write
from upprint.evaluate.laboratory.config import LaboratoryConfig
from upprint.evaluate.laboratory.pictures import Listing, listing, windows
from upprint.result import ConfigError, DataError, Progress

SHARED = (
    "tests",
    "crop",
    "window",
    "steps",
    "batch",
    "augment",
    "optimiser",
    "precision",
    "accelerator",
    "threads",
)
"""Settings that every cell depends on. The bootstrap, families, main and control may change afterwards."""

DEFINITION = ("input", "network", "block", "anchor", "regularisation")
"""Settings that a variant's cells depend on, beside the weights it reads; seeds and rows may be added."""


def run(
    roots: Sequence[Path],
    config: LaboratoryConfig,
    *,
    partial: bool = False,
    stop_after: int | None = None,
    reading: Progress = lambda _done, _total: None,
    progress: Progress = lambda _done, _total: None,
) -> tuple[Listing, list[Scored]]:
    """Train and score every cell that is not there yet; returns what was read and all cells' scores.

    A cell counts once its file is whole. A run that was killed, or that gets more variants, seeds or rows,
    goes on with the cells that are missing; each depends on the settings and its own seed alone, so nothing
    changes in the others.

    Args:
        roots: folders of twins.
        config: what to run; `config.out` is the folder.
        partial: train nothing, return the cells that are there.
        stop_after: leave after training so many cells.
        reading: called after every pair that is decoded; not at all where no cell is missing.
        progress: called at the start and after every cell with (cells done, cells).

    Raises:
        ConfigError: `out` holds a run with other settings or other pictures.
        DataError: unusable twins (see `listing`), or `partial` where there is no cell.
        ResumeError: a damaged cell.
    """
    keep_pages()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    found, out = listing(roots, config), Path(config.out)
    wanted = cells(config, found.makers)
    _claim(out, _settings(config, found))
    missing = [cell for cell in wanted if not (out / cell.path).exists()]
    done = len(wanted) - len(missing)
    if partial and not done:
        raise DataError(f"{out}: no cell is finished; run the laboratory first")
    progress(done, len(wanted))
    if missing and not partial:
        pictures = windows(found, config, reading)
        _same_pictures(out / "pictures.sha256", pictures.sha256)
        for cell in missing[:stop_after]:
            write(measure(cell, pictures, config), out / cell.path)
            done += 1
            progress(done, len(wanted))
    return found, [load(out / cell.path) for cell in wanted if (out / cell.path).exists()]


def _settings(config: LaboratoryConfig, found: Listing) -> dict[str, Any]:
    values = json.loads(json.dumps(asdict(config)))
    variants = {name: {key: v[key] for key in DEFINITION} for name, v in values["variants"].items()}
    for name, variant in config.variants.items():
        if variant.phi:
            variants[name]["phi"] = _sha256(Path(variant.phi))
    shared = {key: values[key] for key in SHARED}
    return {**shared, "makers": list(found.makers), "sources": found.sha256, "variants": variants}


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: the re-synthesiser cannot be read ({error}); train it first") from error


def _claim(out: Path, settings: dict[str, Any]) -> None:
    """Make `out` this run's folder; refuse to mix it with another run."""
    path = out / "settings.json"
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        other = [key for key in settings if key != "variants" and before.get(key) != settings[key]]
        known = before["variants"]
        other += [f"variants.{v}" for v, d in settings["variants"].items() if known.get(v, d) != d]
        if other:
            raise ConfigError(
                f"{out} holds a run with other settings of {', '.join(other)}; choose another out, or put "
                "them back"
            )
        settings = {**settings, "variants": {**known, **settings["variants"]}}
    out.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def _same_pictures(path: Path, sha256: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8").strip() != sha256:
        raise ConfigError(f"{path.parent} was begun with other pixels in the same twins; choose another out")
    path.write_text(sha256 + "\n", encoding="utf-8")
