"""The laboratory's pictures: windows of aligned twins in memory, training draws, test crops.

All makers show the same sources, and a source tests or trains for every maker alike.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from upprint import perturb
from upprint.data.layouts import read
from upprint.data.loader import Batches, CropRule, Draw, random_crop
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.data.split import SPLIT_SEED, position, split
from upprint.evaluate.laboratory.config import LaboratoryConfig, chosen
from upprint.images import decode
from upprint.preprocess import center_crop
from upprint.result import DataError, Progress

Pixels = NDArray[np.uint8]
Pair = tuple[Sample, Sample]

ORDER_SEED = 1
"""Which sources take part where their number is limited."""

FEWEST = 2
"""Sources needed on either side: a single one cannot be resampled."""


@dataclass(frozen=True)
class Listing:
    """Which pairs take part.

    Args:
        pairs: maker -> source -> (photo, twin).
        train, test: source keys.
        left_out: sources that some maker lacks, or whose picture is smaller than two crops.
    """

    pairs: Mapping[str, Mapping[str, Pair]]
    train: tuple[str, ...]
    test: tuple[str, ...]
    left_out: int

    @property
    def makers(self) -> tuple[str, ...]:
        return tuple(self.pairs)

    @property
    def sha256(self) -> str:
        """Of makers and sources on either side, whatever folder they lie in."""
        lines = [f"{maker}" for maker in self.makers]
        lines += [f"{side} {key}" for side in ("train", "test") for key in getattr(self, side)]
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def listing(roots: Sequence[Path], config: LaboratoryConfig) -> Listing:
    """Read folders of twins and deal the sources that all makers share into training and test.

    The split is that of training and forge: with a `test_share` of 0.2 and the same `hold_out`, the test
    sources are those that `upprint train-maker` leaves out too.

    Args:
        roots: folders in the layout `twins`; each maker is a subset of one of them.
        config: `makers`, `hold_out`, `test_share` and `sources` are used.

    Raises:
        DataError: a maker in two folders, several twins of one photo, fewer than two makers, too few
            sources.
        ConfigError: a pattern of makers that fits none.
    """
    pairs: dict[str, dict[str, Pair]] = {}
    for root in roots:
        found = _pairs(read(root, "twins").samples)
        if both := sorted(set(found) & set(pairs)):
            raise DataError(f"{root}: maker {both[0]!r} stands in another folder too; expected it once")
        pairs |= found
    makers = chosen(tuple(sorted(pairs)), config.makers, "makers")
    if len(makers) < 2:
        raise DataError(f"makers {', '.join(makers)}: a matrix needs at least two")
    every = set.union(*(set(pairs[maker]) for maker in makers))
    shared = set.intersection(*(_large_enough(pairs[maker], 2 * config.crop) for maker in makers))
    keys = sorted(shared, key=lambda key: (position(key, ORDER_SEED), key))[: config.sources]
    samples = [pairs[makers[0]][key][0] for key in sorted(keys)]
    shares = {"train": 1 - config.test_share, "test": config.test_share}
    parts = split(samples, shares, SPLIT_SEED, hold_out_sources=config.hold_out)
    train, test = (tuple(s.source for s in parts[side]) for side in ("train", "test"))
    if min(len(train), len(test)) < FEWEST:
        raise DataError(
            f"{len(shared)} sources have a twin of every maker and at least {2 * config.crop} pixels each "
            f"way, {len(train)} to train and {len(test)} to test; expected at least {FEWEST} of each: forge "
            "more or larger photos, or leave makers out"
        )
    kept = {maker: {key: pairs[maker][key] for key in (*train, *test)} for maker in makers}
    return Listing(kept, train, test, len(every) - len(shared))


def _pairs(samples: Sequence[Sample]) -> dict[str, dict[str, Pair]]:
    photos = {(s.subset, s.source): s for s in samples if s.label == REAL}
    found: dict[str, dict[str, Pair]] = {}
    for twin in samples:
        if twin.label == GENERATED:
            of_maker = found.setdefault(twin.subset, {})
            if twin.source in of_maker:
                raise DataError(
                    f"{twin.path}: source {twin.source!r} has two twins in {twin.subset!r}; expected one"
                )
            of_maker[twin.source] = (photos[twin.subset, twin.source], twin)
    return found


def _large_enough(pairs: Mapping[str, Pair], side: int) -> set[str]:
    """Sources whose photo has `side` pixels each way, by its header; one without fails when decoded."""
    found = set()
    for key, (photo, _) in pairs.items():
        try:
            with Image.open(photo.path) as image:
                size = min(image.size)
        except UnidentifiedImageError:
            size = side
        if size >= side:
            found.add(key)
    return found


@dataclass(frozen=True)
class Windows:
    """Decoded pixels.

    Args:
        train: maker -> for each training source the windows (photo, twin), uint8 RGB.
        tests: test -> maker -> (2 n, crop, crop, 3) uint8: the n photos, then their twins, in the order of
            the sources.
        sha256: of all of them.
    """

    train: Mapping[str, list[tuple[Pixels, Pixels]]]
    tests: Mapping[str, Mapping[str, Pixels]]
    sha256: str


def windows(
    chosen: Listing, config: LaboratoryConfig, progress: Progress = lambda _done, _total: None
) -> Windows:
    """Decode every picture once and keep its central window; test crops are perturbed here, pairs alike.

    Raises:
        DataError: a twin of another size than its photo, or a test that leaves less than a crop.
        ImageError: a picture that cannot be decoded.
    """
    digest = hashlib.sha256()
    train: dict[str, list[tuple[Pixels, Pixels]]] = {}
    tests: dict[str, dict[str, Pixels]] = {name: {} for name in config.tests}
    total, done = len(chosen.makers) * (len(chosen.train) + len(chosen.test)), itertools.count(1)
    for maker, pairs in chosen.pairs.items():
        train[maker] = []
        for key in chosen.train:
            train[maker].append(_windows(pairs[key], config))
            progress(next(done), total)
        held = []
        for key in chosen.test:
            held.append(_windows(pairs[key], config))
            progress(next(done), total)
        for name, text in config.tests.items():
            crops = [[test_crop(pair[label], text, config.crop, i) for i, pair in enumerate(held)]
                     for label in (REAL, GENERATED)]  # fmt: skip
            tests[name][maker] = np.stack([*crops[REAL], *crops[GENERATED]])
            digest.update(tests[name][maker].tobytes())
        for photo, twin in train[maker]:
            digest.update(photo.tobytes())
            digest.update(twin.tobytes())
    return Windows(train, tests, digest.hexdigest())


def _windows(pair: Pair, config: LaboratoryConfig) -> tuple[Pixels, Pixels]:
    photo, twin = (decode(sample.path).pixels for sample in pair)
    if photo.shape != twin.shape:
        sizes = " and ".join(f"{p.shape[1]}x{p.shape[0]}" for p in (photo, twin))
        raise DataError(f"{pair[1].path}: photo and twin are {sizes}; expected one size")
    # perturb.crop keeps the phase of the 8x8 grid.
    return perturb.crop(photo, config.window).copy(), perturb.crop(twin, config.window).copy()


def test_crop(window: Pixels, text: str, crop: int, seed: int) -> Pixels:
    """The central (crop, crop, 3) of a window whose central two crops each way were perturbed."""
    if text:
        window = perturb.parse(text)(perturb.crop(window, 2 * crop), seed)
    if min(window.shape[:2]) < crop:
        raise DataError(f"perturbation {text!r} leaves {window.shape[1]}x{window.shape[0]} of {2 * crop}")
    return np.ascontiguousarray(center_crop(window, crop))


test_crop.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it where it is imported


class _Crops(Dataset[tuple[Tensor, float]]):
    """Indexed by (index, seed of its draws): even indices are photos, each followed by its twin."""

    def __init__(self, pairs: Sequence[tuple[Pixels, Pixels]], rule: CropRule) -> None:
        self.pairs, self.rule = pairs, rule

    def __len__(self) -> int:
        return 2 * len(self.pairs)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, float]:
        index, seed = draw
        unit, label = divmod(index, 2)
        crop = random_crop(self.pairs[unit][label], self.rule, seed)
        return torch.from_numpy(crop.transpose(2, 0, 1).copy()), float(label)


def training_batches(
    pictures: Windows, makers: Sequence[str], seed: int, config: LaboratoryConfig
) -> Iterator[tuple[Tensor, Tensor]]:
    """`config.steps` batches: images (batch, 3, crop, crop) uint8, labels (batch,); pairs share their draws.

    The same arguments give the same batches, whatever network reads them.
    """
    pairs = [pair for maker in makers for pair in pictures.train[maker]]
    crops = _Crops(pairs, CropRule(crop=config.crop, augment=config.augment))
    units = [(2 * i, 2 * i + 1) for i in range(len(pairs))]
    batches = Batches(units, batch=config.batch, seed=seed, start=0, stop=config.steps)
    loader = DataLoader(crops, batch_sampler=batches, generator=torch.Generator().manual_seed(seed))
    yield from loader
