"""Weights that a published recipe starts from: what the user's file is called and how it fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from upprint.checkpoints import check_state, read_state_dict
from upprint.detector import Detector
from upprint.result import WeightsError

State = dict[str, Tensor]


@dataclass(frozen=True)
class Pretrained:
    """A published network's state dict as the start of part of ours.

    Args:
        file: its usual name and where it comes from, in words.
        part: our submodule that it fills, "network" or below.
        ignore: starts of keys in the file that we do not use (its classifier).
        fresh: starts of our keys below `part` that the file does not fill; they keep their initial values.
        beside: what further files fill, in the order in which they are given.
        adapt: changes the tensors where the network was changed, such as a first layer with more channels.
    """

    file: str
    part: str = "network"
    ignore: tuple[str, ...] = ("fc.",)
    fresh: tuple[str, ...] = ("fc.",)
    adapt: Callable[[State], State] | None = None
    beside: tuple[Pretrained, ...] = ()


RESNET50 = Pretrained("resnet50-0676ba61.pth, torchvision's ImageNet weights (V1)")


def load_all(detector: Detector, paths: Sequence[str]) -> None:
    """Fill every part that a recipe starts from; "" skips one.

    Raises:
        WeightsError: more files than parts, or as `load_pretrained`.
    """
    start = detector.pretrained
    parts = () if start is None else (start, *start.beside)
    if len(paths) > len(parts):
        wanted = "; ".join(part.file for part in parts) or "none, it starts from random weights as published"
        raise WeightsError(
            f"init: {len(paths)} files for system {detector.card.name!r}, which takes {wanted}"
        )
    for part, path in zip(parts[: len(paths)], paths, strict=True):
        if path:
            load_pretrained(detector, part, Path(path))


def load_pretrained(detector: Detector, start: Pretrained | None, path: Path) -> None:
    """Fill the part of a detector that its recipe starts from, strictly; the rest is left as it is.

    Raises:
        WeightsError: the system starts from nothing, or the file does not fit.
    """
    if start is None:
        raise WeightsError(f"{path}: system {detector.card.name!r} starts from random weights as published")
    part: nn.Module = detector.get_submodule(start.part)
    state = {key: value for key, value in read_state_dict(path).items() if not key.startswith(start.ignore)}
    if start.adapt is not None:
        state = start.adapt(state)
    expected = {k: v for k, v in part.state_dict().items() if not (start.fresh and k.startswith(start.fresh))}
    # Files written before torch 0.4.1 have no such counters; they are counts, not weights.
    counters = {k: v for k, v in expected.items() if k.endswith("num_batches_tracked") and k not in state}
    check_state(expected, state | counters, f"{path} (expected: {start.file})")
    part.load_state_dict(part.state_dict() | state | counters, strict=True)
