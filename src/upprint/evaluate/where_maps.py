"""Maps of where the evidence lies, behind one interface: a name, and a function from pixels to values.

A new kind of map is one more `LocalMap`; nothing else changes. Patchfor's patches are its cam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upprint.explain.cam import CamMap, Probe, tile_cam, upsample, whole_cam
from upprint.runtime.session import Scorer

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


WINDOW = 33
"""Side of the square over which artifacts are averaged, in pixels."""


@dataclass(frozen=True)
class LocalMap:
    """One kind of map.

    Args:
        name: as results and cards call it.
        title: in words.
        rule: how it comes to one value per pixel.
        draw: uint8 RGB (H, W, 3) to float32 (H, W), finite; higher = more likely generated.
        logits: values are logits that the card's calibration applies to. Else only their order counts.
    """

    name: str
    title: str
    rule: str
    draw: Callable[[Pixels], Floats]
    logits: bool = True


def maps_of(scorer: Scorer) -> list[LocalMap]:
    """Every map that a system's graph has; without a class activation map, the tiles' scores alone."""
    session, rule = scorer.session, scorer.card.input
    tiles_of = _once(lambda pixels: tile_cam(session, pixels, rule))
    scores = LocalMap(
        "tile_scores",
        "scores of the tiles, as a scan with --tiles all takes them",
        "each pixel has the mean logit of the tiles that cover it; the border beyond them takes its nearest",
        lambda pixels: _tile_scores(scorer, pixels),
    )
    if not Probe.of(session, rule).own:
        return [scores]
    return [
        LocalMap(
            "cam",
            "class activation map of the whole picture, as explain draws it",
            "cells plus the head's bias, bilinear between their centres",
            lambda pixels: _cells(whole_cam(session, pixels, rule), pixels),
        ),
        LocalMap(
            "tile_cam",
            "class activation maps of the tiles, as explain --tiles draws them",
            "cells plus the head's bias, overlapping tiles averaged, bilinear between centres",
            lambda pixels: _cells(tiles_of(pixels), pixels),
        ),
        LocalMap(
            scores.name,
            scores.title,
            scores.rule,
            lambda pixels: _cover(
                pixels,
                [(t.top, t.left) for t in tiles_of(pixels).tiles],
                [t.logit for t in tiles_of(pixels).tiles],
                rule.tile,
            ),
        ),
    ]


def artifact_maps(weights: Path) -> list[LocalMap]:
    """Maps of what a re-synthesiser cannot rebuild, for which no classifier is needed: more is likelier.

    Args:
        weights: of Φ, as the task `resynthesiser` writes them. Needs torch.
    """
    import torch

    from upprint.checkpoints import load_tensors
    from upprint.resynthesis.parts import load_phi
    from upprint.resynthesis.tiles import residual_map
    from upprint.systems.resynthesis import Residuals

    f = Residuals([load_phi(str(weights))], None, [0])

    def residual(pixels: Pixels) -> Floats:
        image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        with torch.no_grad():
            found: Floats = residual_map(f, image).mean(0).numpy()
        return found

    def smooth(pixels: Pixels) -> Floats:
        found = torch.from_numpy(residual(pixels))[None, None]
        half = WINDOW // 2
        mean = torch.nn.functional.avg_pool2d(found, WINDOW, 1, half, count_include_pad=False)
        return np.asarray(mean[0, 0].numpy(), np.float32)

    title = "what a re-synthesiser cannot rebuild, as upprint artifacts draws it"
    made_by = f"Φ of SHA-256 {load_tensors(weights)[2][:12]}"
    rule = f"mean over the channels of |X - Φ(X↓)|, {made_by}; more is likelier"
    return [
        LocalMap("artifacts", title, rule, residual, False),
        LocalMap("artifacts_mean", f"{title}, smoothed", f"{rule}; mean of {WINDOW}² pixels", smooth, False),
    ]


def controls() -> list[LocalMap]:
    """Maps that know nothing of the picture: what any real map must beat."""
    return [
        LocalMap("centre", "control: nearer the centre is likelier", "minus the distance", _centre, False),
        LocalMap(
            "flat", "control: the same everywhere", "0", lambda p: np.zeros(p.shape[:2], np.float32), False
        ),
    ]


def _once(draw: Callable[[Pixels], CamMap]) -> Callable[[Pixels], CamMap]:
    """`draw`, remembering the last picture: two maps are read from the same run."""
    last: list[tuple[Pixels, CamMap]] = []

    def drawn(pixels: Pixels) -> CamMap:
        if not last or last[0][0] is not pixels:
            last[:] = [(pixels, draw(pixels))]
        return last[0][1]

    return drawn


def _cells(cam: CamMap, pixels: Pixels) -> Floats:
    return upsample(cam.cells, cam.stride, pixels.shape[:2]) + np.float32(cam.bias)


def _tile_scores(scorer: Scorer, pixels: Pixels) -> Floats:
    whole = Scorer(scorer.session, scorer.card, scorer.fpr, None)
    logits, origins = whole.score_tiles(pixels)
    return _cover(pixels, origins, logits.tolist(), scorer.card.input.tile)


def _cover(pixels: Pixels, origins: Sequence[tuple[int, int]], logits: Sequence[float], side: int) -> Floats:
    height, width = pixels.shape[:2]
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for (top, left), logit in zip(origins, logits, strict=True):
        place = np.s_[top : top + side, left : left + side]
        total[place] += logit
        count[place] += 1
    rows, columns = int(count.any(axis=1).sum()), int(count.any(axis=0).sum())
    seen = total[:rows, :columns] / count[:rows, :columns]
    return np.pad(seen, ((0, height - rows), (0, width - columns)), "edge").astype(np.float32)


def _centre(pixels: Pixels) -> Floats:
    y, x = (np.abs((np.arange(side) + 0.5) / side - 0.5) for side in pixels.shape[:2])
    distance: Floats = np.hypot(y[:, None], x[None]).astype(np.float32)
    return -distance
