"""The two arms of `training_step`: the same initial weights, the same batches, the same optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from support.clock import Stopwatch
from support.official import logits_of, normalised
from support.pictures import pictures
from upprint.allocator import keep_pages
from upprint.systems import create

SEED, RATE, BATCHES = 0, 2e-4, 4


def official(side: int, batch: int) -> Callable[..., dict[str, Any]]:
    """As shipped: eager, fp32, NCHW, normalised input, Adam, BCE, the allocator as it is."""
    torch.manual_seed(SEED)
    network = create("npr").network.train()
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.999))
    ready = [(normalised(pixels), labels) for pixels, labels in _batches(side, batch)]

    def step(index: int) -> float:
        images, labels = ready[index % len(ready)]
        optimiser.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(logits_of(network, images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return loss.item()

    return _counting(step, batch)


def ours(side: int, batch: int) -> Callable[..., dict[str, Any]]:
    """`upprint.train.training_step` as `upprint train` calls it with precision "bf16-mixed"."""
    from lightning_fabric import Fabric

    from upprint.train import training_step

    keep_pages()
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    fabric.launch()
    torch.manual_seed(SEED)
    detector = create("npr").to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model, optimiser = fabric.setup(
        detector, torch.optim.Adam(detector.parameters(), lr=RATE, betas=(0.9, 0.999))
    )
    ready = [
        (torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()), labels)
        for pixels, labels in _batches(side, batch)
    ]

    def step(index: int) -> float:
        images, labels = ready[index % len(ready)]
        return training_step(fabric, model, optimiser, images, labels).item()

    return _counting(step, batch)


def _batches(side: int, batch: int) -> list[tuple[np.ndarray[Any, np.dtype[np.uint8]], Tensor]]:
    """Plain pictures (0) and doubled ones (1) in turn."""
    half = BATCHES * batch // 2
    plain = pictures(half, side, side, seed=SEED)
    doubled = pictures(half, side, side, seed=SEED, enlarged=True)
    labels = torch.tensor([0.0, 1.0]).repeat(batch // 2)
    return [
        (np.stack([next(doubled if label else plain) for label in labels.tolist()]), labels)
        for _ in range(BATCHES)
    ]


def _counting(step: Callable[[int], float], batch: int) -> Callable[..., dict[str, Any]]:
    taken = 0

    def run(steps: int) -> dict[str, Any]:
        nonlocal taken
        watch, losses = Stopwatch(), []
        for _ in range(steps):
            losses.append(step(taken))
            taken += 1
        return {"pictures": steps * batch, **watch.read(), "losses": losses}

    return run
