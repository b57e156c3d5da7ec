"""The arms of `network`: matrix products of the libraries at hand, and the exported graph alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def product(library: str, size: int) -> Callable[..., dict[str, Any]]:
    """An arm: GFLOP/s of a square fp32 matrix product by torch (oneDNN, MKL) or NumPy (OpenBLAS)."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((size, size), dtype=np.float32) for _ in range(2))
    work: Callable[[], object]
    if library == "torch":
        import torch

        left, right = torch.from_numpy(a), torch.from_numpy(b)
        out = torch.empty(size, size)
        work = lambda: torch.mm(left, right, out=out)  # noqa: E731
    else:
        target = np.empty((size, size), np.float32)
        work = lambda: np.matmul(a, b, out=target)  # noqa: E731
    work()
    return lambda seconds: {"gflops": 2e-9 * size**3 / _median_time(work, seconds)}


def network(onnx: str, engine: str) -> Callable[..., dict[str, Any]]:
    """An arm: seconds per run of the graph on uint8 noise (batch, side, side, 3)."""
    from upprint.runtime.session import Session
    from upprint.runtime.store import find

    path, card = find(Path(onnx))
    session = Session(path, card, engine=engine)
    batches: dict[tuple[int, int], Any] = {}

    def run(side: int, batch: int, seconds: float) -> dict[str, Any]:
        if (side, batch) not in batches:
            rng = np.random.default_rng(0)
            batches[side, batch] = rng.integers(0, 256, (batch, side, side, 3), dtype=np.uint8)
            session.run(batches[side, batch])
        images = batches[side, batch]
        return {"seconds": _median_time(lambda: session.run(images), seconds)}

    return run


def flops(sides: list[int]) -> Callable[[], dict[str, float]]:
    """GFLOP of the network for one picture of each side: two per multiply-add, convolutions and head."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from upprint.systems import create

    def run() -> dict[str, float]:
        found = {}
        model = create("npr").network.eval()
        for side in sides:
            with FlopCounterMode(display=False) as counter, torch.inference_mode():
                model(torch.zeros(1, 3, side, side))
            found[str(side)] = counter.get_total_flops() / 1e9
        return found

    return run


def _median_time(work: Callable[[], object], seconds: float) -> float:
    """Median time of repeated calls, at least three, for about `seconds`."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]
