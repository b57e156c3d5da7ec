"""The average of trained branches (equation 4) as one detector; `upprint average` calls it.

Nothing is trained: the classifiers are put side by side. Branches that were trained with the same Φ share it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch

from upprint.checkpoints import load_detector, read_metadata, save_safetensors
from upprint.detector import Detector
from upprint.result import ConfigError
from upprint.systems import create
from upprint.systems.resynthesis import Averaging, Residuals

SHARED = ("light", "rdn", "end_to_end", "auxiliary", "degradation", "reconstruction", "reconstruction_weight")
"""Options that all branches must have in common."""


def average(
    files: Sequence[Path], *, beta: Sequence[float] | None = None, averaging: Averaging = "softmax"
) -> Detector:
    """One detector of several trained branches.

    Args:
        files: weights of single branches, in any order.
        beta: six weights (pixel, stages 1 ... 5); the given branches alike if left out.
        averaging: "softmax" or "logit".

    Raises:
        ConfigError: a branch twice, an average among them, or branches built with other options.
        WeightsError: a file that does not load.
    """
    branches: dict[int, Detector] = {}
    for path in files:
        branch = load_detector(path, system="resynthesis")
        f = cast(Residuals, branch.representation)
        if branch.card.options["branch"] == "avg" or f.stages[0] in branches:
            raise ConfigError(
                f"{path}: branch {branch.card.options['branch']!r}; expected single branches, once each"
            )
        branches[f.stages[0]] = branch
    if not branches:
        raise ConfigError("no branches to average; name the files of at least one")
    branches = dict(sorted(branches.items()))
    options = _common({str(path): branch for path, branch in zip(branches, branches.values(), strict=True)})
    parts = [cast(Residuals, branch.representation) for branch in branches.values()]
    own = not all(_equal(parts[0].phi[0], part.phi[0]) for part in parts)
    weights = beta or [1 / len(branches) if stage in branches else 0.0 for stage in range(6)]
    if (weighed := [stage for stage, share in enumerate(weights) if share]) != list(branches):
        raise ConfigError(f"beta {list(weights)}: weighs stages {weighed}, the files are of {list(branches)}")
    both = create(
        "resynthesis", **options | {"branch": "avg", "beta": weights, "averaging": averaging, "own_phi": own}
    )
    target = cast(Residuals, both.representation)
    for index, (branch, part) in enumerate(zip(branches.values(), parts, strict=True)):
        both.get_submodule(f"network.classifiers.{index}").load_state_dict(branch.network.state_dict())
        if own or index == 0:
            target.phi[index].load_state_dict(part.phi[0].state_dict())
    deepest = parts[-1].theta
    if target.theta is not None and deepest is not None:
        target.theta.load_state_dict(deepest.state_dict())
    return both


def write(
    files: Sequence[Path],
    out: Path,
    *,
    beta: Sequence[float] | None = None,
    averaging: Averaging = "softmax",
    command: str = "",
) -> tuple[Detector, str]:
    """`average`, written to `out` with what the branches were trained on; the detector and its SHA-256."""
    detector = average(files, beta=beta, averaging=averaging)
    found = [read_metadata(path) for path in files]
    metadata = {
        key: "; ".join(dict.fromkeys(one.get(key, "not stated") for one in found))
        for key in ("trained_on", "licence")
    }
    return detector, save_safetensors(detector, out, {**metadata, "command": command})


def _common(branches: Mapping[str, Detector]) -> dict[str, Any]:
    """The options that the average is built with."""
    every = [branch.card.options for branch in branches.values()]
    for name in SHARED:
        if len({json.dumps(options[name]) for options in every}) > 1:
            raise ConfigError(
                f"branches with different {name}: {[options[name] for options in every]}; expected the same"
            )
    looks = {options["perceptual"] for options in every} - {"none"}
    if len(looks) > 1:
        raise ConfigError(f"branches with different perceptual networks, {sorted(looks)}; expected the same")
    return {name: every[0][name] for name in SHARED} | {"perceptual": next(iter(looks), "none")}


def _equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)
