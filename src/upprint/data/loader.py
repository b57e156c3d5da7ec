"""Training crops: deterministic in (seed, epoch, unit), so that a resumed run sees the same pixels.

A unit is what shares its random draws: one picture, or a photo with its generated twin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from upprint.data.protocol import whole_copies
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.data.selfblend import read_face, self_blend
from upprint.images import decode
from upprint.perturb import parse
from upprint.preprocess import center_crop, repeat_to, resize
from upprint.result import ConfigError, DataError

Pixels = NDArray[np.uint8]
Draw = tuple[int, int]
"""(sample index, seed of its draws)."""


@dataclass(frozen=True)
class CropRule:
    """How a picture becomes a training crop.

    Args:
        crop: side of the square crop.
        resize: (height, width) without regard to aspect, as the paper does; null leaves pixels alone.
        shorter: length of the shorter side after a resize that keeps the aspect, as other papers do.
        flip: mirror half of the crops.
        small: how a picture smaller than the crop is repeated: with the phase of the 8x8 grid kept, as the
            scan does, or in whole copies, as the NPR authors do on GenImage.
        augment: perturbation text (see upprint.perturb), drawn per unit on a window twice the crop.
        blend: "self" makes every photo's generated twin by blending it with itself (see
            upprint.data.selfblend), in the place of all other rules.
    """

    crop: int = 224
    resize: tuple[int, int] | None = None
    shorter: int | None = None
    flip: bool = True
    small: Literal["grid", "whole"] = "grid"
    augment: str = ""
    blend: Literal["none", "self"] = "none"

    def __post_init__(self) -> None:
        if self.crop < 32:
            raise ConfigError(f"crop {self.crop}: expected at least 32 pixels")
        if self.resize is not None and self.shorter is not None:
            raise ConfigError("crops: give either resize or shorter, not both")
        parse(self.augment)


def random_crop(pixels: Pixels, rule: CropRule, seed: int) -> Pixels:
    """One training crop (crop, crop, 3) uint8; equal seeds and sizes give equal windows and draws."""
    rng = np.random.default_rng(seed)
    pixels = _resized(pixels, rule)
    if rule.augment:
        window = _window(pixels, 2 * rule.crop, rng)
        pixels = parse(rule.augment)(window, int(rng.integers(2**31)))
    pixels = _window(_repeated(pixels, rule), rule.crop, rng)
    if rule.flip and rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def central_crop(pixels: Pixels, rule: CropRule, seed: int) -> Pixels:
    """The validation crop: no flip, the middle; the augmentation stays, seeded, for it is the task."""
    pixels = _resized(pixels, rule)
    if rule.augment:
        pixels = parse(rule.augment)(center_crop(pixels, min(2 * rule.crop, *pixels.shape[:2])), seed)
    return np.ascontiguousarray(center_crop(_repeated(pixels, rule), rule.crop))


def _resized(pixels: Pixels, rule: CropRule) -> Pixels:
    if rule.resize is not None:
        return resize(pixels, rule.resize)
    if rule.shorter is not None:
        height, width = pixels.shape[:2]
        long = int(rule.shorter * max(height, width) / min(height, width))
        return resize(pixels, (rule.shorter, long) if height <= width else (long, rule.shorter))
    return pixels


def _repeated(pixels: Pixels, rule: CropRule) -> Pixels:
    return repeat_to(pixels, rule.crop) if rule.small == "grid" else whole_copies(pixels, rule.crop)


def _window(pixels: Pixels, side: int, rng: np.random.Generator) -> Pixels:
    """At most `side` pixels each way, anywhere, on any phase of the 2x2 and 8x8 grids."""
    top, left = (
        int(u * (max(0, size - side) + 1)) for u, size in zip(rng.random(2), pixels.shape, strict=False)
    )
    return pixels[top : top + side, left : left + side]


class Crops(Dataset[tuple[Tensor, float]]):
    """Indexed by (sample index, seed); gives (3, crop, crop) uint8 and the label.

    Args:
        samples: what to read.
        rule: how to crop.
        training: random crops; otherwise central ones.
        cache: keep every decoded picture in memory.
    """

    def __init__(self, samples: Sequence[Sample], rule: CropRule, *, training: bool, cache: bool) -> None:
        self.samples, self.rule = samples, rule
        self._crop = random_crop if training else central_crop
        self._cache: dict[int, Pixels] | None = None
        if cache:
            self._cache = {index: decode(sample.path).pixels for index, sample in enumerate(samples)}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, float]:
        index, seed = draw
        sample = self.samples[index]
        pixels = decode(sample.path).pixels if self._cache is None else self._cache[index]
        if self.rule.blend == "self":
            rng = np.random.default_rng(seed)
            face = read_face(Path(sample.path))
            pair = self_blend(pixels, face, self.rule.crop, rng, training=self._crop is random_crop)
            crop = pair[sample.label]
        else:
            crop = self._crop(pixels, self.rule, seed)
        return torch.from_numpy(crop.transpose(2, 0, 1).copy()), float(sample.label)


def with_blends(samples: Sequence[Sample], rule: CropRule) -> list[Sample]:
    """Where twins are made by blending: the photos, and each once more as generated; generated ones go."""
    if rule.blend == "none":
        return list(samples)
    photos = [sample for sample in samples if sample.label == REAL]
    return photos + [replace(photo, label=GENERATED) for photo in photos]


def pairs(samples: Sequence[Sample]) -> list[tuple[int, ...]]:
    """Index pairs (photo, twin), one for each twin.

    Raises:
        DataError: a twin whose photo is missing.
    """
    photos = {(s.subset, s.source): i for i, s in enumerate(samples) if s.label == REAL}
    units: list[tuple[int, ...]] = []
    for index, sample in enumerate(samples):
        if sample.label == GENERATED:
            if (sample.subset, sample.source) not in photos:
                raise DataError(f"{sample.path}: no photo with source {sample.source!r}; pairs need both")
            units.append((photos[sample.subset, sample.source], index))
    return units


class Batches(Sampler[list[Draw]]):
    """Shuffled batches of units, every epoch anew; starts at any step and shards over processes.

    Every process gets equally many units, so that averaged gradients weigh them alike; a batch that does
    not divide evenly repeats its first units.

    Args:
        units: tuples of sample indices that share their draws.
        batch: pictures per batch over all processes.
        seed: of order and draws.
        start, stop: global steps.
        rank, world: this process and how many there are.
    """

    def __init__(
        self,
        units: Sequence[tuple[int, ...]],
        *,
        batch: int,
        seed: int,
        start: int,
        stop: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if not units:
            raise DataError("no training pictures after the split; expected at least one unit")
        self.units, self.seed, self.start, self.stop = units, seed, start, stop
        self.per_step = max(1, batch // len(units[0]))
        self.rank, self.world = rank, world

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.units) // self.per_step)

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[Draw]]:
        for step in range(self.start, self.stop):
            epoch, position = divmod(step, self.steps_per_epoch)
            order = np.random.default_rng((self.seed, epoch)).permutation(len(self.units))
            chosen = order[position * self.per_step : (position + 1) * self.per_step]
            filled = np.resize(chosen, len(chosen) + -len(chosen) % self.world)
            mine = filled[self.rank :: self.world]
            yield [(i, self._draw(epoch, int(u))) for u in mine for i in self.units[u]]

    def _draw(self, epoch: int, unit: int) -> int:
        return int(np.random.SeedSequence((self.seed, epoch, unit)).generate_state(1)[0])
