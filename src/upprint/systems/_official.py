"""How the authors' own checkpoint of a system is laid out: frozen data, written next to the system, and
what brings such a checkpoint to our names. Every step is strict and names the file it stopped at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from upprint.result import WeightsError

SHOWN = 3
"""How many names of each kind an error lists."""


@dataclass(frozen=True)
class OfficialLayout:
    """What stands between an official checkpoint and a `Detector`'s state dict.

    Args:
        rename: (start of the official key, start of ours); the first pair that fits a key applies, and a
            key that none fits is refused. ("", "network.") takes every key into the network.
        head: our name of the last layer, the one that `fake_is_one` and `two_class` concern; "" for a file
            that holds no head.
        fake_is_one: True where label or class 1 meant generated. Where it did not, the head is negated, so
            that a higher logit means generated here too. A head of two classes becomes one logit, the
            difference of the two (what their softmax depends on).
        two_class: our head has two outputs as well, the second for generated, and the network takes their
            difference itself; both are kept, and swapped where class 0 meant generated.
        wrappers: names under which training code stores the state dict; at most one may be present.
        prefix: put before every key by a wrapper such as DataParallel; on every key or on none.
        ignore: starts of official keys that are stored but unused, dropped by intent.
        known: (file name, SHA-256) of published files.
        file: what the file holds, in a few words, where the system needs several.
        beside: layouts of the further files, in the order in which they are given.
        cast: floating-point numbers of other precisions become float32.
        licence: what the official repository says about using its weights.
    """

    rename: tuple[tuple[str, str], ...]
    head: str
    fake_is_one: bool
    wrappers: tuple[str, ...] = ("model", "state_dict", "net")
    prefix: str = "module."
    ignore: tuple[str, ...] = ()
    known: tuple[tuple[str, str], ...] = ()
    file: str = "the checkpoint"
    beside: tuple[OfficialLayout, ...] = ()
    cast: bool = False
    two_class: bool = False
    licence: str = "the official repository states no licence; for your own evaluation"


def some(names: Iterable[str]) -> str:
    """The first few of many names."""
    listed = list(names)
    return ", ".join(listed[:SHOWN]) + (", ..." if len(listed) > SHOWN else "")


def unwrap(raw: object, layout: OfficialLayout, source: Path) -> tuple[dict[str, Tensor], str, list[str]]:
    """The state dict, the wrapper it was under ("" if none) and the names beside it."""
    if isinstance(raw, Tensor) and not layout.head:
        return {"": raw.detach()}, "", []
    if not isinstance(raw, dict) or not raw:
        raise WeightsError(f"{source}: holds {_kind(raw)}, expected a state dict")
    if all(isinstance(value, Tensor) for value in raw.values()):
        return _tensors(raw, source), "", []
    present = [name for name in layout.wrappers if isinstance(raw.get(name), dict)]
    if len(present) != 1:
        raise WeightsError(
            f"{source}: a dict with {some(map(str, raw))}, expected tensors, or a state dict under exactly "
            f"one of {', '.join(layout.wrappers)}"
        )
    beside = [str(name) for name in raw if name != present[0]]
    return _tensors(raw[present[0]], source), present[0], beside


def _kind(raw: object) -> str:
    return "an empty dict" if raw == {} else f"a {type(raw).__name__}"


def _tensors(raw: Mapping[object, object], source: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for key, value in raw.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise WeightsError(
                f"{source}: {key!r} is a {type(value).__name__}, expected a named tensor in a state dict"
            )
        state[key] = value.detach()
    return state


def strip_prefix(state: dict[str, Tensor], prefix: str, source: Path) -> tuple[dict[str, Tensor], str]:
    bare = [key for key in state if not key.startswith(prefix)]
    if not prefix or len(bare) == len(state):
        return state, ""
    if bare:
        raise WeightsError(
            f"{source}: {len(state) - len(bare)} keys start with {prefix!r} and {len(bare)} do not "
            f"({some(bare)}); expected all or none"
        )
    return {key.removeprefix(prefix): value for key, value in state.items()}, prefix


def rename(
    state: dict[str, Tensor], layout: OfficialLayout, source: Path
) -> tuple[dict[str, Tensor], list[str]]:
    """Our names for the tensors, and the official names of those dropped by intent."""
    tensors: dict[str, Tensor] = {}
    unused: list[str] = []
    for key, value in state.items():
        if layout.ignore and key.startswith(layout.ignore):
            unused.append(key)
            continue
        pair = next(((old, new) for old, new in layout.rename if key.startswith(old)), None)
        if pair is None:
            raise WeightsError(f"{source}: key {key!r} is not one of the official layout")
        name = pair[1] + key.removeprefix(pair[0])
        if name in tensors:
            raise WeightsError(f"{source}: key {key!r} is the second one for our {name!r}")
        tensors[name] = value.float() if layout.cast and value.is_floating_point() else value
    return tensors, unused


def orient(tensors: dict[str, Tensor], layout: OfficialLayout, source: Path) -> dict[str, Tensor]:
    """The tensors with the head brought to one logit that is higher for generated pictures."""
    oriented = dict(tensors)
    for name in (f"{layout.head}.weight", f"{layout.head}.bias"):
        if not layout.head or name not in tensors:
            continue
        head = tensors[name]
        if layout.two_class:
            if head.ndim == 0 or len(head) != 2:
                raise WeightsError(f"{source}: {name} has shape {tuple(head.shape)}, expected two outputs")
            oriented[name] = head if layout.fake_is_one else head.flip(0)
            continue
        if head.ndim == 0 or len(head) not in (1, 2):
            raise WeightsError(f"{source}: {name} has shape {tuple(head.shape)}, expected one or two outputs")
        if len(head) == 2:
            head = head[1:] - head[:1]
        oriented[name] = head if layout.fake_is_one else -head
    return oriented


def notes(source: Path, found: str, layout: OfficialLayout) -> tuple[str, ...]:
    known = dict(layout.known)
    same = [name for name, digest in known.items() if digest == found]
    if same:
        return (f"the hash is that reported for {same[0]}",)
    if source.name in known:
        expected = f"{known[source.name]}, reported for {source.name} by a third party"
        return (f"the hash differs from {expected}; make sure of where the file comes from",)
    return ("no reference hash is known for this file",)
