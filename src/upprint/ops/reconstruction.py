"""What a re-synthesiser is trained with: pixels and the maps of a perceptual network (IJCAI 2021, eq. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.result import ConfigError

LossName = Literal["paper", "train_sr"]
STAGE_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)


@dataclass(frozen=True)
class ReconstructionLoss:
    """pixel * L1 + perceptual * sum over the stages of STAGE_WEIGHTS * norm; every norm is a mean."""

    norm: Literal["l1", "mse"]
    perceptual: float


LOSSES: dict[LossName, ReconstructionLoss] = {
    "paper": ReconstructionLoss("l1", 1.0),
    "train_sr": ReconstructionLoss("mse", 0.2),
}
"""Equation 3 (and the authors' train.py); the authors' train_sr.py, which trained the released one."""


def reconstruction_loss(
    rebuilt: Tensor, target: Tensor, perceptual: nn.Module | None, name: LossName = "paper"
) -> Tensor:
    """The loss of a rebuilt picture.

    Args:
        rebuilt: Φ(Ω(X↓)), (N, 3, H, W).
        target: X in [0, 1], of the same shape.
        perceptual: gives a list of maps; None leaves the second term out (a named departure).
        name: a key of `LOSSES`.

    Raises:
        ConfigError: no such loss.
    """
    if name not in LOSSES:
        raise ConfigError(f"reconstruction loss {name!r}: expected one of {', '.join(LOSSES)}")
    rule = LOSSES[name]
    loss = functional.l1_loss(rebuilt, target)
    if perceptual is None:
        return loss
    with torch.no_grad():
        wanted: Sequence[Tensor] = perceptual(target)
    found: Sequence[Tensor] = perceptual(rebuilt)
    norm = functional.l1_loss if rule.norm == "l1" else functional.mse_loss
    for weight, one, other in zip(STAGE_WEIGHTS, found, wanted, strict=True):
        loss = loss + rule.perceptual * weight * norm(one, other)
    return loss
