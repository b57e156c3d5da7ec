"""Local joint histograms of neighbouring residuals as a representation: `upprint.ops.cooccurrence`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from upprint.ops.cooccurrence import (
    GAINS,
    KINDS,
    PLANES,
    SMALLEST,
    UNIT,
    folding,
    halved,
    histograms,
    padded,
    plane,
    within,
)
from upprint.ops.cooccurrence import residuals as residuals_of
from upprint.result import ConfigError

CELL = 32
"""Side of a cell of the map, in pixels."""


class Cooccurrences(nn.Module):
    """f: (N, 3, H, W) in [0, 255] to local histograms, (N, d, ceil(H / 32), ceil(W / 32)) float32.

    Args:
        residuals: names of `upprint.ops.cooccurrence.GAINS`.
        steps: widths of a level, in units of the residual's gain.
        scales: 1 is full size, 2 is half.
        planes: names of `upprint.ops.cooccurrence.PLANES`.

    Raises:
        ConfigError: an unknown residual, scale or plane.
    """

    def __init__(
        self,
        names: Sequence[str],
        steps: Sequence[float],
        scales: Sequence[int],
        planes: Sequence[str] = ("luma",),
    ) -> None:
        super().__init__()
        unknown = sorted(set(names) - set(GAINS))
        if unknown or not names:
            raise ConfigError(f"residuals {unknown or 'none'}: expected some of {', '.join(GAINS)}")
        if not scales or not set(scales) <= {1, 2}:
            raise ConfigError(f"scales {list(scales)}: expected 1, 2 or both")
        unknown = sorted(set(planes) - set(PLANES))
        if unknown or not planes:
            raise ConfigError(f"planes {unknown or 'none'}: expected some of {', '.join(PLANES)}")
        self.names, self.steps, self.scales = tuple(names), tuple(steps), tuple(scales)
        self.planes = tuple(planes)

    def forward(self, images: Tensor) -> Tensor:
        smallest = SMALLEST * max(self.scales)
        if min(images.shape[-2:]) < smallest:
            raise ConfigError(
                f"co-occurrences: a picture of {images.shape[-1]}x{images.shape[-2]} pixels, expected "
                f"{smallest} or more each way; repeat it up to a tile"
            )
        # Counts are exact in float32 and in nothing narrower.
        with torch.autocast(images.device.type, enabled=False):
            if torch.compiler.is_exporting():
                return self._counted(images)
            # One by one: what is counted of a batch is too much for a cache and takes twice the time.
            return torch.cat([self._counted(image[None]) for image in images])

    def _counted(self, images: Tensor) -> Tensor:
        return torch.cat([self._histograms(plane(images, name)) for name in self.planes], 1)

    def _histograms(self, y: Tensor) -> Tensor:
        found = []
        height, width = y.shape[1:]
        y = padded(y, CELL)
        for scale in self.scales:
            if scale == 2:
                y, height, width = halved(y), height // 2, width // 2
            maps, inside = residuals_of(y), within(y, height, width)
            for name in self.names:
                horizontal, *vertical = maps[name]
                other = vertical[0] if vertical else None
                for step in self.steps:
                    level = step * GAINS[name] * UNIT * scale**2
                    found.append(histograms(horizontal, other, level, inside, CELL // scale))
        return torch.cat(found, 1).flatten(1, 2)

    @property
    def size(self) -> int:
        """d."""
        kinds = sum(KINDS[name] for name in self.names)
        counted = kinds * len(self.steps) * len(self.scales) * len(self.planes)
        return counted * int(folding().shape[1])
