"""Block size and anchor of NPR, checked; apart from the torch operator, because `explain` needs no torch."""

from __future__ import annotations

from typing import Literal

from upprint.result import ConfigError

Anchor = int | Literal["mean", "max"]
POOLED = ("mean", "max")


def check_block_anchor(block: int, anchor: Anchor) -> None:
    """Raise `ConfigError` unless block >= 2 and anchor is 1..block², "mean" or "max"."""
    if not isinstance(block, int) or isinstance(block, bool) or block < 2:
        raise ConfigError(f"NPR block size {block!r}: expected an integer of at least 2")
    index = isinstance(anchor, int) and not isinstance(anchor, bool) and 1 <= anchor <= block * block
    if not index and anchor not in POOLED:
        raise ConfigError(
            f"NPR anchor {anchor!r} for block size {block}: expected 'mean', 'max' or 1..{block * block}"
        )
