"""Exact class activation maps from a graph's `cam` output (Zhou et al., CVPR 2016).

Where a network ends in global average pooling and one Linear, the map is not an approximation: each
cell is the share that its place adds to the logit, and

    mean(cells) + bias == logit        (bias: the Linear's)

so a cell above zero argues for `generated`, below zero for `camera-made`. Cell (i, j) is taken to lie over
the stride x stride pixels from (i * stride, j * stride); what it saw reaches further, by the receptive
field (87 pixels across in NPR).

`whole_cam` runs the graph on the picture at its own size. Large pictures go through it in windows whose
margins are cut away; as long as the margin exceeds half the receptive field, the cells are those of one
run over the whole picture. A system that counts over its whole input (`upprint`) has no receptive field:
there, each window's cells are about that window. `tile_cam` shows instead the tiles that a scan scores,
each with its own logit; of a network without such a map it shows those logits alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from upprint.card import InputRule
from upprint.preprocess import pool, repeat_to, tile_origins
from upprint.result import ConfigError, Progress, WeightsError

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

WHOLE_LIMIT = 2**21
"""Pixels up to which a picture is run at once: about 150 GFLOP and 0.4 GB in NPR."""
_UNIT = 120
"""Windows start at multiples of it, so that NPR blocks of 2, 3, 4, 5, 6 and 8 keep their phase."""
_WINDOW = 960
_BATCH = 4


class Runner(Protocol):
    """What is needed of `upprint.runtime.session.Session`."""

    def run(self, batch: Pixels, /) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """uint8 (N, H, W, 3) to logits (N,) and maps (N, h, w), or None for maps."""


@dataclass(frozen=True)
class TileScore:
    """A tile's top-left pixel and its logit."""

    top: int
    left: int
    logit: float


@dataclass(frozen=True)
class CamMap:
    """A picture's map.

    `cells` is float32 (h, w), in logits; `stride` the pixels that a cell is wide and high; `logit` is
    mean(cells) + bias for a whole picture, and the pooled logit of `tiles` where those were scored;
    `height` and `width` are the picture's; `tile` the side of the tiles in pixels, 0 without tiles. `own` is
    False where the network has no map: a cell is the logit of its tile then.
    """

    cells: Floats
    stride: int
    bias: float
    logit: float
    height: int
    width: int
    tiles: tuple[TileScore, ...] = ()
    tile: int = 0
    own: bool = True

    @property
    def name(self) -> str:
        """As tests on a card call it: "cam" of a whole picture, "tile_cam" or "tile_scores" of tiles."""
        if not self.own:
            return "tile_scores"
        return "tile_cam" if self.tiles else "cam"


@dataclass(frozen=True)
class Probe:
    """What one run on an empty picture tells of a graph: its stride in pixels and its head's bias.

    Without a map of its `own` a tile is one cell, its logit, and the bias 0.
    """

    stride: int
    bias: float
    own: bool = True

    @classmethod
    def of(cls, session: Runner, rule: InputRule) -> Probe:
        """Run one black tile.

        Raises:
            WeightsError: the map's side does not divide the tile's.
        """
        logits, cam = session.run(np.zeros((1, rule.tile, rule.tile, 3), np.uint8))
        if cam is None:
            return cls(rule.tile, 0.0, own=False)
        side = cam.shape[1] if cam.ndim == 3 else 0
        if side == 0 or cam.shape != (1, side, side) or rule.tile % side:
            raise WeightsError(
                f"the graph maps a tile of {rule.tile} pixels to a 'cam' of shape {cam.shape}: expected "
                "(1, n, n) with n a divisor of the tile; export the system again"
            )
        return cls(rule.tile // side, float(logits[0] - cam[0].mean(dtype=np.float64)))

    def run(self, session: Runner, batch: Pixels) -> tuple[Floats, Floats]:
        """`session.run`, with the contract checked: mean(cam) + bias is the logit."""
        logits, cam = session.run(batch)
        if cam is None:
            scores = np.asarray(logits, np.float32)
            return scores, scores[:, None, None]
        rebuilt = cam.mean(axis=(1, 2), dtype=np.float64) + self.bias
        slack = 1e-3 * (1 + np.abs(cam).max(initial=0))
        if not np.all(np.abs(rebuilt - logits) <= slack):
            raise WeightsError(
                f"the graph's 'cam' plus bias {self.bias:.4g} averages to {rebuilt.tolist()}, its 'logit' is "
                f"{np.asarray(logits).tolist()}: expected the same; this map would explain another score"
            )
        return np.asarray(logits, np.float32), np.asarray(cam, np.float32)


def whole_cam(
    session: Runner,
    pixels: Pixels,
    rule: InputRule,
    *,
    limit: int = WHOLE_LIMIT,
    progress: Progress | None = None,
) -> CamMap:
    """The map of a picture at its native size, however large.

    Args:
        session: runs the graph.
        pixels: uint8 (H, W, 3), RGB.
        rule: the card's input rule.
        limit: pixels up to which the picture is run at once.
        progress: called with (windows done, windows).

    Raises:
        ConfigError: the network has no map; `tile_cam` shows its tiles.
        WeightsError: the graph's map does not average to its logit.
    """
    probe = Probe.of(session, rule)
    if not probe.own:
        raise ConfigError("this network has no class activation map; its tiles' logits are all there is")
    height, width = pixels.shape[:2]
    if height * width <= limit:
        cells = probe.run(session, pixels[None])[1][0]
    else:
        cells = _windows(session, probe, pixels, progress)
    logit = float(cells.mean(dtype=np.float64)) + probe.bias
    return CamMap(cells, probe.stride, probe.bias, logit, height, width)


def _windows(session: Runner, probe: Probe, pixels: Pixels, progress: Progress | None) -> Floats:
    height, width = pixels.shape[:2]
    margin = math.lcm(_UNIT, probe.stride)
    step = max(1, _WINDOW // margin) * margin
    tops, lefts = range(0, height, step), range(0, width, step)
    kept = step // probe.stride
    rows: list[list[Floats]] = []
    for top in tops:
        rows.append([])
        for left in lefts:
            first_row, first_column = max(0, top - margin), max(0, left - margin)
            window = pixels[first_row : top + step + margin, first_column : left + step + margin]
            cam = probe.run(session, np.ascontiguousarray(window)[None])[1][0]
            y, x = (top - first_row) // probe.stride, (left - first_column) // probe.stride
            rows[-1].append(cam[y : y + kept, x : x + kept])
            if progress:
                progress((len(rows) - 1) * len(lefts) + len(rows[-1]), len(tops) * len(lefts))
    return np.block(rows)


def tile_cam(session: Runner, pixels: Pixels, rule: InputRule, *, progress: Progress | None = None) -> CamMap:
    """The maps of all tiles that cover a picture, laid side by side; where tiles overlap, their mean.

    The logit is the one that a scan with `--tiles all` gives. A picture smaller than a tile is repeated as
    the scan repeats it, and its first copy is shown.

    Args:
        session: runs the graph.
        pixels: uint8 (H, W, 3), RGB.
        rule: the card's input rule.
        progress: called with (tiles done, tiles).

    Raises:
        WeightsError: the graph's map does not average to its logit.
    """
    probe = Probe.of(session, rule)
    height, width = pixels.shape[:2]
    covered = repeat_to(pixels, rule.tile, grid=rule.grid)
    origins = tile_origins(covered.shape[0], covered.shape[1], rule, None)
    unit = math.gcd(probe.stride, *(edge for origin in origins for edge in origin))
    total = np.zeros([-(-side // unit) for side in covered.shape[:2]], np.float64)
    count = np.zeros(total.shape, np.int32)
    logits: list[float] = []
    for start in range(0, len(origins), _BATCH):
        some = origins[start : start + _BATCH]
        batch = np.stack([covered[y : y + rule.tile, x : x + rule.tile] for y, x in some])
        scores, maps = probe.run(session, batch)
        logits += scores.tolist()
        fine = maps.repeat(probe.stride // unit, axis=1).repeat(probe.stride // unit, axis=2)
        for (y, x), cells in zip(some, fine, strict=True):
            place = np.s_[y // unit : y // unit + len(cells), x // unit : x // unit + len(cells)]
            total[place] += cells
            count[place] += 1
        if progress:
            progress(len(logits), len(origins))
    # Up to grid - 1 pixels at the lower and right border lie in no tile; the map ends before them.
    seen = (np.count_nonzero(count.any(axis=1)), np.count_nonzero(count.any(axis=0)))
    rows, columns = (max(1, min(side // unit, n)) for side, n in zip((height, width), seen, strict=True))
    cells = (total[:rows, :columns] / count[:rows, :columns]).astype(np.float32)
    logit = float(pool(np.array(logits, np.float32), rule))
    tiles = tuple(TileScore(y, x, score) for (y, x), score in zip(origins, logits, strict=True))
    return CamMap(cells, unit, probe.bias, logit, height, width, tiles, rule.tile, probe.own)


def upsample(cells: Floats, stride: int, size: Sequence[int], step: float = 1.0) -> Floats:
    """Bilinear interpolation of a map over the picture's pixels, clamped beyond the outermost centres.

    The centre of cell i lies at (i + 0.5) * stride, that of output row r at (r + 0.5) * step, both
    measured in picture pixels from the picture's edge.

    Args:
        cells: float32 (h, w).
        stride: picture pixels per cell.
        size: rows and columns of the output.
        step: picture pixels per output pixel: above 1 a reduced drawing, below 1 an enlarged one.

    Returns:
        float32 of `size`.
    """
    out = cells
    for axis, length in enumerate(size):
        last = cells.shape[axis] - 1
        position = (((np.arange(length) + 0.5) * step) / stride - 0.5).clip(0, last)
        low = np.floor(position).astype(np.intp)
        high = np.minimum(low + 1, last)
        weight = np.expand_dims((position - low).astype(np.float32), 1 - axis)
        out = out.take(low, axis) * (1 - weight) + out.take(high, axis) * weight
    return out
