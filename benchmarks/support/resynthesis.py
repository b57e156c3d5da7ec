"""The arms of `resynthesis`: residuals of a picture, a training step, memory of a large picture."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from support.clock import Stopwatch
from support.pictures import pictures
from upprint.allocator import keep_pages
from upprint.card import SystemCard
from upprint.detector import Detector
from upprint.export import export
from upprint.resynthesis.tiles import residual_map
from upprint.runtime.session import Session
from upprint.systems import create
from upprint.systems.resynthesis import Residuals

SEED = 0
Arm = Callable[..., dict[str, Any]]


def detector(size: list[int]) -> Detector:
    """A light detector of the pixel branch with Φ of this size, the same weights in every process."""
    torch.manual_seed(SEED)
    return create("resynthesis", light=True, rdn=size)


def whole(size: list[int], height: int, width: int) -> Arm:
    """The authors' arrangement: eager, fp32, NCHW, the picture whole, the allocator as it is.

    Their test.py has no `no_grad`, but its Φ wants no gradients, so that none are recorded.
    """
    f = detector(size).representation
    return _extracting(lambda x: f(x)[0], height, width)


def _tuned(size: list[int]) -> Residuals:
    """f with channels last, in a process that keeps its pages."""
    keep_pages()
    laid = detector(size).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return cast(Residuals, laid.representation)


def tiled(size: list[int], height: int, width: int, tile: int, margin: int | None) -> Arm:
    """Ours: channels-last, tiles with a margin, pages kept."""
    f = _tuned(size)
    return _extracting(lambda x: residual_map(f, x[0], tile=tile, margin=margin), height, width)


def laid_out(size: list[int], height: int, width: int) -> Arm:
    """The whole picture with channels last, pages kept: what these two alone change."""
    f = _tuned(size)
    return _extracting(lambda x: f(x)[0], height, width)


def narrowed(size: list[int], height: int, width: int, tile: int) -> Arm:
    """The exact tiles, with Φ in bf16: what upprint keeps out of f."""
    f = _tuned(size)
    phi = f.phi[0]
    plain = phi.forward

    def forward(low: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            y: Tensor = plain(low).float()
        return y

    phi.forward = forward
    return _extracting(lambda x: residual_map(f, x[0], tile=tile), height, width)


def eager(size: list[int], side: int, batch: int) -> Arm:
    """Logits of tiles, f and D in eager torch, fp32, NCHW."""
    model = detector(size).eval()

    def score(images: Tensor) -> list[float]:
        with torch.inference_mode():
            return [float(x) for x in model(images)]

    return _scoring(score, side, batch)


def exported(size: list[int], side: int, batch: int) -> Arm:
    """The same detector as one ONNX graph in ONNX Runtime, the way that `scan` runs it."""
    with tempfile.TemporaryDirectory() as folder:
        path = export(detector(size), folder, "resynthesis")
        session = Session(path, SystemCard.read(path.with_suffix(".json")))

    def score(images: Tensor) -> list[float]:
        logits, _ = session.run(images.permute(0, 2, 3, 1).contiguous().numpy())
        return [float(x) for x in logits]

    return _scoring(score, side, batch)


def _scoring(score: Callable[[Tensor], list[float]], side: int, batch: int) -> Arm:
    tiles = torch.from_numpy(np.stack([*pictures(batch, side, side, seed=SEED)]).transpose(0, 3, 1, 2).copy())

    def run(times: int = 1) -> dict[str, Any]:
        watch = Stopwatch()
        for _ in range(times):
            logits = score(tiles)
        return {"pictures": times * batch, **watch.read(), "sample": logits}

    return run


def _extracting(work: Callable[[Tensor], Tensor], height: int, width: int) -> Arm:
    pixels = next(pictures(1, height, width, seed=SEED)).transpose(2, 0, 1).copy()
    image = torch.from_numpy(pixels)[None]

    def run(times: int = 1) -> dict[str, Any]:
        watch = Stopwatch()
        for _ in range(times):
            found = work(image)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        answer = {"pictures": times, **watch.read(), "megabytes": peak}
        sample = found[:, :: max(1, height // 16), :: max(1, width // 16)]
        return answer | {"mean": float(found.double().mean()), "sample": sample.flatten().tolist()}

    return run


def step_computed(size: list[int], side: int, batch: int) -> Arm:
    """The authors' arrangement: f in every step, eager, fp32, NCHW, SGD."""
    model = detector(size).train()
    ready = list(_batches(side, batch))
    optimiser = _sgd(model)
    return _stepping(lambda x, y: model.loss(x, y), ready, optimiser, batch)


def step_kept(size: list[int], side: int, batch: int) -> Arm:
    """Ours: D on residuals that were computed once, channels-last, pages kept."""
    keep_pages()
    model = detector(size).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    network = model.network
    with torch.no_grad():
        ready = [
            (model.representation(x).half().float().contiguous(memory_format=torch.channels_last), y)
            for x, y in _batches(side, batch)
        ]
    optimiser = _sgd(network)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(network(x)[:, 0], y)

    return _stepping(loss, ready, optimiser, batch)


def _sgd(model: torch.nn.Module) -> torch.optim.Optimizer:
    trained = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.SGD(trained, lr=1e-2, momentum=0.9, weight_decay=1e-4)


def _batches(side: int, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    half = batch // 2
    plain = pictures(half, side, side, seed=SEED)
    doubled = pictures(half, side, side, seed=SEED, enlarged=True)
    stack = np.stack([*plain, *doubled]).transpose(0, 3, 1, 2).copy()
    yield torch.from_numpy(stack), torch.tensor([0.0] * half + [1.0] * half)


def _stepping(
    loss_of: Callable[[Tensor, Tensor], Tensor],
    ready: list[tuple[Tensor, Tensor]],
    optimiser: torch.optim.Optimizer,
    batch: int,
) -> Arm:
    taken = 0

    def run(steps: int) -> dict[str, Any]:
        nonlocal taken
        watch, losses = Stopwatch(), []
        for _ in range(steps):
            images, labels = ready[taken % len(ready)]
            optimiser.zero_grad(set_to_none=True)
            loss = loss_of(images, labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(float(loss.detach()))
            taken += 1
        return {"pictures": steps * batch, **watch.read(), "losses": losses}

    return run
