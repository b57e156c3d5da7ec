"""Systems with a weight for every position take one size only; they say so instead of resizing."""

from __future__ import annotations

from torch import Tensor

from upprint.result import ConfigError


def check_side(images: Tensor, side: int, system: str) -> None:
    """Raise `ConfigError` unless `images` (N, 3, H, W) are side x side pixels."""
    height, width = images.shape[-2:]
    if height != side or width != side:
        raise ConfigError(
            f"system {system!r} takes pictures of {side} x {side} pixels, found {width} x {height}; cut "
            f"tiles of that side, or resize where the protocol does"
        )
