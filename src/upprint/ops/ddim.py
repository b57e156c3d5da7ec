"""Deterministic diffusion (DDIM; Song, Meng, Ermon, ICLR 2021): to noise and back, for any noise
predictor."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Predictor = Callable[[Tensor, Tensor], Tensor]
"""(x (N, C, H, W), step (N,) int64) -> the noise in x, of the same shape."""

STEPS, BETA_START, BETA_END = 1000, 1e-4, 0.02


def signal_shares() -> Tensor:
    """Cumulative products of 1 - beta of the linear schedule, (1000,) float64."""
    betas = torch.linspace(BETA_START, BETA_END, STEPS, dtype=torch.float64, device="cpu")
    return torch.cumprod(1 - betas, 0)


def chosen_steps(count: int) -> list[int]:
    """`count` steps out of 1000, evenly from 0, as guided-diffusion respaces "ddimN"."""
    stride = next(s for s in range(1, STEPS) if len(range(0, STEPS, s)) == count)
    return list(range(0, STEPS, stride))


def _move(x: Tensor, noise: Tensor, now: float, then: float, *, clip: bool) -> Tensor:
    """From signal share `now` to `then` along the predicted noise."""
    start = (x - (1 - now) ** 0.5 * noise) / now**0.5
    if clip:
        start = start.clamp(-1, 1)
        noise = (x - now**0.5 * start) / (1 - now) ** 0.5
    moved: Tensor = then**0.5 * start + (1 - then) ** 0.5 * noise
    return moved


def reconstruct(x: Tensor, predict: Predictor, count: int = 20, *, clip: bool = True) -> Tensor:
    """Invert pictures to noise in `count` steps and sample back in as many.

    Args:
        x: (N, C, H, W) in [-1, 1].
        predict: the model's noise.
        count: steps each way.
        clip: hold every estimate of the picture in [-1, 1], as the authors do.
    """
    shares, steps = signal_shares(), chosen_steps(count)
    levels = [float(shares[step]) for step in steps]

    def at(step: int) -> Tensor:
        return torch.full((len(x),), step, dtype=torch.int64, device=x.device)

    for place, step in enumerate(steps):
        then = levels[place + 1] if place + 1 < count else 0.0
        x = _move(x, predict(x, at(step)), levels[place], then, clip=clip)
    for place in reversed(range(count)):
        then = levels[place - 1] if place else 1.0
        x = _move(x, predict(x, at(steps[place])), levels[place], then, clip=clip)
    return x
