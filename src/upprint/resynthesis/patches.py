"""Patches of real photos for the re-synthesiser: on the 4x4 grid, in all eight poses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from upprint.data.loader import Draw
from upprint.data.sample import REAL, Sample
from upprint.images import decode
from upprint.preprocess import repeat_to
from upprint.result import ConfigError, DataError

Pixels = NDArray[np.uint8]
GRID = 4


def random_patch(pixels: Pixels, side: int, seed: int) -> Pixels:
    """A patch (side, side, 3) whose corner lies on the grid; flips and a quarter turn, each with half chance.

    A picture smaller than the patch is repeated to its size first.
    """
    rng = np.random.default_rng(seed)
    pixels = repeat_to(pixels, side)
    top, left = (GRID * int(rng.integers((size - side) // GRID + 1)) for size in pixels.shape[:2])
    patch = pixels[top : top + side, left : left + side]
    across, down, turn = rng.random(3) < 0.5
    if across:
        patch = patch[:, ::-1]
    if down:
        patch = patch[::-1]
    if turn:
        patch = np.rot90(patch, -1)
    return np.ascontiguousarray(patch)


def central_patch(pixels: Pixels, side: int) -> Pixels:
    """The patch in the middle, its corner on the grid, as it is."""
    pixels = repeat_to(pixels, side)
    top, left = ((size - side) // 2 // GRID * GRID for size in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


class Patches(Dataset[tuple[Tensor, float]]):
    """Indexed by (sample index, seed); gives (3, side, side) uint8 and the label 0.

    Args:
        samples: of which the real ones are read.
        side: of the patches in full resolution, a multiple of 4.
        training: random patches; otherwise central ones.
        cache: keep decoded photos in memory.

    Raises:
        ConfigError: another side.
        DataError: no real photo among the samples.
    """

    def __init__(self, samples: Sequence[Sample], side: int, *, training: bool, cache: bool) -> None:
        if side < 16 or side % 16:
            raise ConfigError(f"patches of {side} pixels: expected a multiple of 16, at least 16")
        self.samples = [sample for sample in samples if sample.label == REAL]
        if training and not self.samples:
            raise DataError(
                "no real photo among the training pictures; the re-synthesiser learns from them alone"
            )
        self.side, self.training = side, training
        self._cache = [decode(sample.path).pixels for sample in self.samples] if cache else None

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, float]:
        index, seed = draw
        pixels = decode(self.samples[index].path).pixels if self._cache is None else self._cache[index]
        patch = random_patch(pixels, self.side, seed) if self.training else central_patch(pixels, self.side)
        return torch.from_numpy(patch.transpose(2, 0, 1).copy()), float(REAL)
