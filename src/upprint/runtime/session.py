"""One exported graph, ready to run, and the scorer that takes a picture to a `ScanResult`.

The engines are imported when a session is opened, not before: importing this module is quick.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from upprint import images, preprocess, provenance
from upprint.card import InputRule, SystemCard
from upprint.result import ConfigError, ScanResult, WeightsError
from upprint.runtime import calibration as scales
from upprint.runtime import calibration_file, engines
from upprint.runtime.store import DEFAULT_SYSTEM, find, read_verified

if TYPE_CHECKING:
    from PIL import Image

Pixels = NDArray[np.uint8]


class Session:
    """An exported graph in an engine.

    Args:
        onnx_path: the graph; input "images" uint8 (N, H, W, 3) RGB, outputs "logit" (N,) and, where
            the network has an exact class activation map, "cam" (N, h, w).
        card: its card, which names its hash.
        threads: of the engine; None leaves the choice to it. Results do not depend on it (onnxruntime).
        engine: "onnxruntime" (fp32), or "openvino" (bf16 where the processor has it; extra `fast`).

    Raises:
        ConfigError: unknown engine.
        MissingExtra: the engine is not installed.
        WeightsError: hash, input or outputs differ from what is expected.
    """

    def __init__(
        self, onnx_path: Path, card: SystemCard, *, threads: int | None = None, engine: str = "onnxruntime"
    ) -> None:
        open_graph = engines.opener(engine, narrow=card.narrow)
        self._run = open_graph(read_verified(onnx_path, card), str(onnx_path), threads)
        self._path = onnx_path

    def run(self, batch: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Score a batch.

        Args:
            batch: uint8 (N, H, W, 3), RGB.

        Returns:
            Logits float32 (N,), higher = more likely generated, and class activation maps (N, h, w),
            or None where the network has none.

        Raises:
            ConfigError: another dtype or shape.
            WeightsError: a logit is not finite.
        """
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[3] != 3:
            raise ConfigError(f"batch of {batch.dtype} {batch.shape}: expected uint8 (N, H, W, 3)")
        logits, cam = self._run(batch)
        if not np.isfinite(logits).all():
            raise WeightsError(f"{self._path}: the graph returned a logit that is not finite")
        return logits, cam


@dataclass(frozen=True)
class Prepared:
    """A decoded picture on its way to the network: its facts, and its tiles in batches."""

    path: str
    width: int
    height: int
    format: str
    sha256: str
    notes: tuple[str, ...]
    provenance: str | None
    batches: Iterable[Pixels]


class Scorer:
    """Takes a picture to a `ScanResult`.

    Args:
        session: runs the graph.
        card: the system's card.
        fpr: false-positive rate to stand by; None takes the card's default.
        budget: tiles per picture; None covers the whole picture.

    Raises:
        ConfigError: no threshold for `fpr`.
    """

    def __init__(
        self, session: Session, card: SystemCard, fpr: str | float | None, budget: int | None
    ) -> None:
        self.session, self.card, self.budget = session, card, budget
        self.fpr = scales.resolve_fpr(card, fpr)

    def __call__(self, image: str | os.PathLike[str] | bytes | Pixels | Image.Image) -> ScanResult:
        """Score one picture: a path, an encoded file's bytes, uint8 RGB (H, W, 3), or a Pillow image.

        Raises:
            ImageError: it is not a picture that can be scored.
        """
        return self.finish(self.prepare(images.as_pixels(image), _label(image)))

    def prepare(self, picture: images.DecodedImage, path: str) -> Prepared:
        """Cut the tiles. A picture larger than its tiles is let go here: waiting then costs little."""
        padded, origins = self._layout(picture.pixels)
        batches: Iterable[Pixels] = _batches(padded, origins, self.card.input)
        if len(origins) * self.card.input.tile**2 <= picture.width * picture.height:
            batches = list(batches)
        told = provenance.read(picture.data, path=path).summary() if picture.data else None
        return Prepared(
            path, picture.width, picture.height, picture.format, picture.sha256, picture.notes, told, batches
        )

    def finish(self, prepared: Prepared) -> ScanResult:
        """Run the tiles, pool their logits, judge."""
        logits = np.concatenate([self.session.run(batch)[0] for batch in prepared.batches])
        logit = float(preprocess.pool(logits, self.card.input))
        scale, notes = self.card.calibration, prepared.notes
        return ScanResult(
            path=prepared.path,
            system=self.card.name,
            logit=logit,
            probability=None if scale is None else scales.probability(logit, scale),
            verdict=None if scale is None else scales.verdict(logit, scale, self.fpr),
            tiles=len(logits),
            width=prepared.width,
            height=prepared.height,
            format=prepared.format,
            sha256=prepared.sha256,
            provenance=prepared.provenance,
            notes="; ".join(notes if scale else (*notes, scales.UNCALIBRATED)) or None,
        )

    def score_tiles(self, pixels: Pixels) -> tuple[NDArray[np.float32], list[tuple[int, int]]]:
        """Score the tiles of uint8 RGB (H, W, 3) one by one.

        Returns:
            Logits float32 (n,), and the tiles' (top, left) origins; a picture smaller than a tile is
            repeated to that size first.
        """
        padded, origins = self._layout(pixels)
        batches = _batches(padded, origins, self.card.input)
        return np.concatenate([self.session.run(batch)[0] for batch in batches]), origins

    def _layout(self, pixels: Pixels) -> tuple[Pixels, list[tuple[int, int]]]:
        rule = self.card.input
        padded = preprocess.repeat_to(pixels, rule.tile, grid=rule.grid)
        return padded, preprocess.tile_origins(pixels.shape[0], pixels.shape[1], rule, self.budget)


def load(
    name: str | os.PathLike[str] = DEFAULT_SYSTEM,
    *,
    fpr: str | float | None = None,
    tiles: int | str | None = None,
    engine: str = "onnxruntime",
    threads: int | None = None,
    calibration: calibration_file.Source | None = None,
) -> Scorer:
    """Open a system for scoring; no torch.

    Args:
        name: a shipped system, or the path of an .onnx file with its card (.json) beside it.
        fpr: false-positive rate to stand by; None takes the card's default.
        tiles: tiles per picture, "all", or None for the card's budget.
        engine: "onnxruntime" or "openvino".
        threads: of the engine; None leaves the choice to it.
        calibration: a file of `upprint calibrate`, in place of the card's.

    Raises:
        UnknownSystem, CardError, ConfigError, WeightsError, MissingExtra: see `find`, `Session`, `Scorer`,
            `calibration_file.open_calibration`.
    """
    path, card = find(name)
    budget = tile_budget(tiles, card)
    if calibration is not None:
        card = calibration_file.open_calibration(calibration).apply(card, budget, engine)
    scales.resolve_fpr(card, fpr)
    return Scorer(Session(path, card, threads=threads, engine=engine), card, fpr, budget)


def tile_budget(tiles: int | str | None, card: SystemCard) -> int | None:
    """Tiles per picture as a number; None means all.

    Raises:
        ConfigError: neither "all" nor a whole number from 1.
    """
    if tiles is None:
        return card.input.budget
    if tiles == "all":
        return None
    try:
        number = math.nan if isinstance(tiles, bool) else int(tiles)
    except ValueError:
        number = math.nan
    if not number >= 1:
        raise ConfigError(f"tiles {tiles!r}: expected 'all' or a whole number from 1")
    return int(number)


def _batches(pixels: Pixels, origins: list[tuple[int, int]], rule: InputRule) -> Iterator[Pixels]:
    side = rule.tile
    for start in range(0, len(origins), rule.batch):
        group = origins[start : start + rule.batch]
        yield np.stack([pixels[top : top + side, left : left + side] for top, left in group])


def _label(image: Any) -> str:
    if isinstance(image, str | os.PathLike):
        return os.fsdecode(image)
    return (
        "<bytes>" if isinstance(image, bytes) else "<array>" if isinstance(image, np.ndarray) else "<image>"
    )
