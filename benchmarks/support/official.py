"""The reference: the official way of working, written anew from its description.

ImageFolder-like listing, Pillow, PIL's bilinear resize to 256x256, [0, 1] tensors, ImageNet normalisation,
x - up(down(x)) by nearest neighbour, times 2/3, the eager network in NCHW with its BatchNorms, batches of 32.

"As shipped" leaves the C library's allocator as it is, "tuned" keeps its pages (`upprint.allocator`), which
changes time only. The loader runs in the main process or in one worker per core, whichever was quicker in
the warm-up, so that the reference is at its best on the machine at hand.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from support.clock import Stopwatch
from upprint.allocator import keep_pages
from upprint.card import InputRule, SystemCard
from upprint.checkpoints import load_detector
from upprint.preprocess import tiles

MEAN = torch.tensor((0.485, 0.456, 0.406)).reshape(3, 1, 1)
STD = torch.tensor((0.229, 0.224, 0.225)).reshape(3, 1, 1)
BATCH = 32

Loader = DataLoader[Tensor]


def network_of(safetensors: str) -> nn.Module:
    """The bare network D, eager, NCHW, in eval mode."""
    return load_detector(safetensors, system="npr").network.eval()


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """(N, 3, H, W), normalised, H and W even -> (N,)."""
    halved = functional.interpolate(images, scale_factor=0.5, mode="nearest")
    doubled = functional.interpolate(halved, scale_factor=2.0, mode="nearest")
    logits: Tensor = network((images - doubled) * (2 / 3))
    return logits.flatten()


def normalised(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 (..., H, W, 3) -> float32 (..., 3, H, W), contiguous."""
    tensor = torch.from_numpy(pixels).movedim(-1, -3).contiguous()
    return tensor.to(torch.float32).div_(255).sub_(MEAN).div_(STD)


class Resized(Dataset[Tensor]):
    """The official protocol: (3, 256, 256) of each picture."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.paths[index]) as image:
            resized = image.convert("RGB").resize((256, 256), Image.Resampling.BILINEAR)
        return normalised(np.array(resized))


class Tiled(Dataset[Tensor]):
    """The tiles that upprint's scan would take: (n, 3, tile, tile) of each picture."""

    def __init__(self, paths: list[str], rule: InputRule) -> None:
        self.paths, self.rule = paths, rule

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.paths[index]) as image:
            pixels = np.asarray(image.convert("RGB"))
        return normalised(tiles(pixels, self.rule, self.rule.budget))


def resized_folder(
    safetensors: str, folder: str, warm: str, *, tuned: bool, quick: bool
) -> Callable[[], dict[str, Any]]:
    """An arm: logits of a folder of pictures by the official protocol."""
    return _arm(safetensors, Resized(listing(folder)), Resized(listing(warm)), tuned=tuned, quick=quick)


def tiled_folder(
    safetensors: str, card: str, folder: str, warm: str, *, tuned: bool, quick: bool
) -> Callable[[], dict[str, Any]]:
    """An arm: the same, on upprint's tiles; a picture's logit is the mean over its tiles."""
    rule = SystemCard.read(Path(card)).input
    return _arm(
        safetensors, Tiled(listing(folder), rule), Tiled(listing(warm), rule), tuned=tuned, quick=quick
    )


def one_by_one(safetensors: str, card: str, folder: str) -> Callable[[], dict[str, Any]]:
    """An arm: latency of single pictures, file to logit, allocator tuned."""
    keep_pages()
    network = network_of(safetensors)
    pictures = Tiled(listing(folder), SystemCard.read(Path(card)).input)

    def run() -> dict[str, Any]:
        watch, each, logits = Stopwatch(), [], []
        with torch.inference_mode():
            for index in range(len(pictures)):
                began = time.perf_counter()
                logits.append(float(logits_of(network, pictures[index]).mean()))
                each.append(time.perf_counter() - began)
        return {"pictures": len(pictures), **watch.read(), "each": each, "logits": logits, "verdicts": []}

    run()
    return run


def listing(folder: str) -> list[str]:
    return sorted(str(path) for path in Path(folder).iterdir())


def _arm(
    safetensors: str, pictures: Resized | Tiled, warm: Resized | Tiled, *, tuned: bool, quick: bool
) -> Callable[[], dict[str, Any]]:
    if tuned:
        keep_pages()
    network = network_of(safetensors)
    in_main = _loader(warm, 0)
    _score(network, in_main)
    workers = 0
    if not quick:
        workers = _quicker_workers(network, warm, in_main)
    loader = _loader(pictures, workers)
    if workers:
        next(iter(loader))  # starts the workers, which stay

    def run() -> dict[str, Any]:
        watch = Stopwatch()
        logits = _score(network, loader)
        return {
            "pictures": len(pictures),
            **watch.read(),
            "logits": logits,
            "verdicts": [],
            "loader_workers": workers,
        }

    return run


def _quicker_workers(network: nn.Module, warm: Resized | Tiled, in_main: Loader) -> int:
    """0 or one per core, by the time that a second pass over the warm-up pictures takes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    beside = _loader(warm, cores)
    next(iter(beside))
    times = {}
    for workers, loader in ((0, in_main), (cores, beside)):
        began = time.perf_counter()
        _score(network, loader)
        times[workers] = time.perf_counter() - began
    return min(times, key=times.__getitem__)


def _loader(pictures: Resized | Tiled, workers: int) -> Loader:
    whole = isinstance(pictures, Resized)
    per_batch = BATCH if whole else max(1, BATCH // len(pictures[0]))  # 32 network inputs either way
    return DataLoader(
        pictures,
        batch_size=per_batch,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=torch.stack if whole else _keep,
    )


def _keep(items: list[Tensor]) -> Any:
    return items


def _score(network: nn.Module, loader: Loader) -> list[float]:
    logits: list[float] = []
    with torch.inference_mode():
        for batch in loader:
            if isinstance(batch, Tensor):
                logits += logits_of(network, batch).tolist()
                continue
            parts = torch.split(logits_of(network, torch.cat(batch)), [len(part) for part in batch])
            logits += [float(part.mean()) for part in parts]
    return logits
