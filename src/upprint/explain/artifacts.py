"""Artifact maps, their averages and their classifiers' maps, as in Figs. 3, 4, 7 and 8 of Re-Synthesis.

The paper states neither reduction nor scale. Here a map is the mean over its channels; all pictures of a row
share one scale, which ends at a percentile of the camera-made ones, so that magnitudes can be compared; cells
are enlarged by repetition, never interpolated. A class activation map has its logit beside it, because a map
that is stretched to its own range looks as strong for a weak score as for a strong one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint.explain import colour, figure
from upprint.explain.cam import CamMap
from upprint.explain.maps import scale_limit
from upprint.result import ConfigError, require

Pixels = NDArray[np.uint8]
Values = NDArray[Any]

PERCENTILE = 99.5
"""Of the camera-made pictures' values: where a scale ends."""
PANEL = 256
"""Pixels of the longer side of a panel."""


@dataclass(frozen=True)
class Artifacts:
    """One picture and what the branches made of it.

    Args:
        name: as it is labelled.
        group: what it is, e.g. "real" or a generator's name.
        pixels: uint8 (H, W, 3), RGB.
        maps: branch ("pixel", "stage 5") -> absolute residual (h, w), mean over the channels.
        cams: branch -> class activation map, float (h, w), whose mean plus the bias is the logit.
        logits: branch -> logit.
    """

    name: str
    group: str
    pixels: Pixels
    maps: Mapping[str, Values]
    cams: Mapping[str, Values]
    logits: Mapping[str, float]


def averages(pictures: Sequence[Artifacts], branch: str) -> dict[str, list[float]]:
    """Group -> the spatial averages of its pictures' maps (the paper's Fig. 4), in their order."""
    found: dict[str, list[float]] = {}
    for picture in pictures:
        found.setdefault(picture.group, []).append(float(np.mean(picture.maps[branch], dtype=np.float64)))
    return found


@dataclass(frozen=True)
class Magnitude:
    """How far the size of the residual alone tells a group from the reference.

    `auroc` is the chance that a picture of the group has a larger average than one of the reference: 0.5
    where size says nothing, below it where generated pictures are easier to rebuild.
    """

    branch: str
    group: str
    count: int
    mean: float
    auroc: float


def magnitudes(pictures: Sequence[Artifacts], reference: str) -> list[Magnitude]:
    """Every branch and group, the reference itself first.

    Raises:
        ConfigError: no picture of the reference group.
    """
    found = []
    for branch in limits(pictures, reference):
        groups = averages(pictures, branch)
        base = np.sort(groups.pop(reference))
        found.append(Magnitude(branch, reference, len(base), float(base.mean()), 0.5))
        for group, values in groups.items():
            below = np.searchsorted(base, values, "left") + np.searchsorted(base, values, "right")
            auroc = float(below.mean() / (2 * len(base)))
            found.append(Magnitude(branch, group, len(values), float(np.mean(values)), auroc))
    return found


def limits(pictures: Sequence[Artifacts], reference: str) -> dict[str, float]:
    """Branch -> the end of its scale: `PERCENTILE` of all values of the reference group.

    Raises:
        ConfigError: no picture of that group.
    """
    chosen = [picture for picture in pictures if picture.group == reference]
    if not chosen:
        groups = ", ".join(sorted({picture.group for picture in pictures}))
        raise ConfigError(f"artifact maps: no picture of group {reference!r} to scale by; groups: {groups}")
    return {
        branch: scale_limit(*(p.maps[branch] for p in chosen), percentile=PERCENTILE, least=1e-6)
        for branch in chosen[0].maps
    }


def map_sheet(pictures: Sequence[Artifacts], reference: str) -> Image.Image:
    """Fig. 3: a column per picture, a row per branch, one scale per row.

    Raises:
        ConfigError: no picture of the reference group.
    """
    ends = limits(pictures, reference)
    rows = [figure.row([_panel(p.pixels, f"{p.group}: {p.name}") for p in pictures])]
    for branch, end in ends.items():
        panels = []
        for picture in pictures:
            coloured = colour.apply(picture.maps[branch], "sequential", 0, end)
            mean = float(np.mean(picture.maps[branch], dtype=np.float64))
            panels.append(_panel(_sized(coloured, picture.pixels), f"{branch}: mean {mean:.4f}"))
        legend = figure.legend(
            colour.table("sequential"),
            [(share, f"{share * end:.3g}") for share in (0.0, 0.5, 1.0)],
            f"{branch}: absolute residual, mean of the channels",
        )
        rows += [figure.row(panels), legend]
    line = (
        f"Every row has one scale; it ends at percentile {PERCENTILE:g} of the {reference} pictures, and "
        "larger values take the end colour."
    )
    return figure.page("Artifact maps", [line], rows)


def cam_sheet(pictures: Sequence[Artifacts]) -> Image.Image:
    """Figs. 7 and 8: a column per picture, a row per branch, the logit beside each map, one scale for all.

    Raises:
        ConfigError: there are no maps.
    """
    cams = [cam for picture in pictures for cam in picture.cams.values()]
    if not cams:
        raise ConfigError("class activation maps: no picture has one; give weights with a trained classifier")
    end = colour.nice_limit(scale_limit(*cams, percentile=98.0, least=0.1))
    rows = [figure.row([_panel(p.pixels, f"{p.group}: {p.name}") for p in pictures])]
    for branch in pictures[0].cams:
        panels = []
        for picture in pictures:
            cells = picture.cams[branch]
            coloured = colour.apply(cells, "diverging", -end, end)
            label = f"{branch}: logit {picture.logits[branch]:+.2f}"
            panels.append(_panel(_sized(coloured, picture.pixels), label))
        rows.append(figure.row(panels))
    ends = ("speaks for camera-made", "speaks for generated")
    legend = figure.legend(
        colour.table("diverging"), figure.signed_ticks(end), "share of the logit, mean over the picture", ends
    )
    shapes = ", ".join(
        f"{branch} {cells.shape[1]} x {cells.shape[0]}" for branch, cells in pictures[0].cams.items()
    )
    lines = [f"Cells of the first picture's maps: {shapes}. One scale for all pictures and branches."]
    return figure.page("Class activation maps", lines, [*rows, legend])


def cam_of(picture: Artifacts, branch: str) -> CamMap:
    """One branch's map in the form that `upprint.explain.overlay` draws over the picture."""
    cells = np.asarray(picture.cams[branch], np.float32)
    height, width = picture.pixels.shape[:2]
    bias = picture.logits[branch] - float(cells.mean(dtype=np.float64))
    return CamMap(cells, -(-height // len(cells)), bias, picture.logits[branch], height, width)


def histogram(pictures: Sequence[Artifacts], path: Path, *, bins: int = 30) -> None:
    """Fig. 4: per branch, the histogram of every group's averages, drawn as one PNG.

    Raises:
        MissingExtra: matplotlib is not installed.
        ConfigError: no picture, or the file cannot be written.
    """
    require("matplotlib", extra="train", purpose="drawing histograms")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not pictures:
        raise ConfigError("histogram of artifacts: no picture")
    branches = list(pictures[0].maps)
    drawn = Figure(figsize=(5 * len(branches), 3.4), layout="constrained")
    FigureCanvasAgg(drawn)
    for index, branch in enumerate(branches, 1):
        groups = averages(pictures, branch)
        values = np.concatenate([np.asarray(found) for found in groups.values()])
        edges = np.histogram_bin_edges(values, bins).tolist()
        axes = drawn.add_subplot(1, len(branches), index)
        for group, found in groups.items():
            axes.hist(
                found, edges, histtype="step", linewidth=1.4, label=f"{group} ({len(found)})", density=True
            )
        axes.set_title(branch)
        axes.set_xlabel("mean absolute residual of a picture")
        axes.set_ylabel("density")
        axes.legend()
    try:
        drawn.savefig(path, dpi=120)
    except OSError as error:
        raise ConfigError(f"{str(path)!r}: the histogram cannot be written ({error.strerror})") from error


def _sized(coloured: Pixels, picture: Pixels) -> Pixels:
    """Cells repeated, or dropped, to the size of the picture."""
    height, width = picture.shape[:2]
    rows = np.arange(height) * len(coloured) // height
    columns = np.arange(width) * coloured.shape[1] // width
    found: Pixels = coloured[rows][:, columns]
    return found


def _panel(pixels: Pixels, name: str) -> Image.Image:
    """A picture at panel size with a label above."""
    height, width = pixels.shape[:2]
    share = PANEL / max(height, width)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    filters = Image.Resampling.BOX if share < 1 else Image.Resampling.NEAREST
    body = figure.framed(np.asarray(Image.fromarray(pixels).resize(size, filters)))
    return figure.column([figure.label(name, max(body.width, PANEL)), body], 2)
