"""Weights on disk: safetensors in and out, and the authors' own checkpoints once, on their way in.

Loading is strict: every tensor of the detector, by name, shape and dtype, and nothing else, or an error
that says what differs and leaves the detector untouched. Nothing is unpickled beyond plain tensors.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from upprint.detector import Detector
from upprint.result import ConfigError, WeightsError, require
from upprint.systems import _official as official
from upprint.systems import create
from upprint.systems._official import OfficialLayout, some


@dataclass(frozen=True)
class Imported:
    """What `import_official` read and wrote.

    `wrapper` and `prefix` are those found in the file, "" where there was none; `dropped` lists what the
    file held beside the weights (optimiser state and the like) and tensors that the system does not use.
    """

    system: str
    source: Path
    source_sha256: str
    path: Path
    sha256: str
    tensors: int
    parameters: int
    wrapper: str
    prefix: str
    dropped: tuple[str, ...]
    flipped: bool
    notes: tuple[str, ...]
    beside: tuple[tuple[Path, str], ...] = ()
    """Further files that were read, with their SHA-256."""


def save_safetensors(detector: Detector, path: str | os.PathLike[str], metadata: Mapping[str, str]) -> str:
    """Write the detector's state; the file appears whole or not at all, the same bytes for the same state.

    Args:
        detector: what to save; its system's name and builder options are added to the metadata.
        path: the file to write; its folder is made.
        metadata: text by name. `trained_on`, `command` and `licence` reach the card at export.

    Returns:
        The file's SHA-256.

    Raises:
        WeightsError: the metadata contradict the detector, or the file cannot be written.
    """
    identity = _identity(detector)
    wrong = {key: metadata[key] for key in identity if metadata.get(key, identity[key]) != identity[key]}
    if wrong:
        raise WeightsError(f"{path}: metadata say {wrong}, the detector is {identity}")
    return save_tensors(detector.state_dict(), Path(path), {**metadata, **identity})


def save_tensors(state: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> str:
    """Write named tensors as they are; whole or not at all, the same bytes for the same tensors.

    Returns:
        The file's SHA-256.

    Raises:
        WeightsError: the file cannot be written.
    """
    tensors = {name: t.detach().cpu().contiguous().clone() for name, t in state.items()}
    safetensors = require("safetensors.torch", extra="train", purpose="saving weights")
    packed: bytes = safetensors.save(tensors)
    data = _with_metadata(packed, metadata)
    write_whole(path, data)
    return hashlib.sha256(data).hexdigest()


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str], str]:
    """Tensors, metadata and SHA-256 of a safetensors file.

    Raises:
        WeightsError: unreadable, or not such a file.
    """
    data, digest = _read(path)
    return (*_unpack(data, str(path)), digest)


def pack(state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """A state dict as the bytes of a safetensors file, the same for the same state and metadata."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    safetensors = require("safetensors.torch", extra="train", purpose="saving weights")
    packed: bytes = safetensors.save(tensors)
    return _with_metadata(packed, metadata)


def load_safetensors(detector: Detector, path: str | os.PathLike[str], sha256: str | None = None) -> str:
    """Fill the detector from a safetensors file, wholly or not at all.

    Args:
        detector: built for the system and options that the file was saved from.
        path: the file.
        sha256: what the file must hash to, where that is known.

    Returns:
        The file's SHA-256.

    Raises:
        WeightsError: unreadable, another hash, another system or options, or tensors that do not fit; the
            message names what differs.
    """
    data, found = _read(Path(path))
    if sha256 is not None and found != sha256.lower():
        raise WeightsError(
            f"{path}: its SHA-256 is {found}, expected {sha256.lower()}; fetch or copy the file again"
        )
    tensors, metadata = _unpack(data, str(path))
    identity = _identity(detector)
    wrong = {key: metadata[key] for key in identity if metadata.get(key, identity[key]) != identity[key]}
    if wrong:
        raise WeightsError(
            f"{path}: weights of {wrong}, the detector is {identity}; build the one that was saved"
        )
    check_state(detector.state_dict(), tensors, str(path))
    detector.load_state_dict(tensors, strict=True)
    return found


_STANDING = {"torch-cache": "cached_file", "shipped": "shipped_file"}
"""What may stand for a file of weights -> the method of the part that names the file."""


def load_parts(detector: Detector, parts: Mapping[str, str]) -> None:
    """Fill parts of a detector from files, each wholly or not at all.

    Args:
        detector: what to fill.
        parts: name of a submodule -> file of its state dict (safetensors, or a torch file). FILE#NAME takes
            the part NAME of a file that holds more, such as a whole detector. "torch-cache" stands for the
            published file in torch's own cache, "shipped" for weights that come with upprint, where the
            submodule knows one.

    Raises:
        ConfigError: the detector has no such part, or one that must be filled is not named.
        WeightsError: a file that cannot be read, or tensors that do not fit; the message names what differs.
    """
    for name, source in parts.items():
        try:
            part = detector.get_submodule(name)
        except AttributeError as error:
            raise ConfigError(f"system {detector.card.name!r} has no part {name!r} ({error})") from error
        fill(part, source)
    if absent := [name for name in detector.needs_parts if name not in parts]:
        raise ConfigError(
            f"system {detector.card.name!r}: {some(absent)} must be trained before; name the files under "
            "[parts]"
        )


def fill(part: nn.Module, source: str) -> None:
    """Fill a module from a file; `load_parts` says which and what is raised."""
    file, _, inner = source.partition("#")
    known = getattr(part, _STANDING.get(file, ""), None)
    state = read_state_dict(Path(file) if known is None else known())
    if inner:
        state = {k.removeprefix(inner + "."): v for k, v in state.items() if k.startswith(inner + ".")}
    if (accept := getattr(part, "accept", None)) is not None:
        state = accept(state, source)
    check_state(part.state_dict(), state, source)
    part.load_state_dict(state, strict=True)


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The text stored in a safetensors file: system, options, licence, ..."""
    data, _ = _read(Path(path))
    return _unpack(data, str(path))[1]


def load_detector(
    path: str | os.PathLike[str], *, system: str | None = None, sha256: str | None = None
) -> Detector:
    """Build the detector that a safetensors file was saved from, and load it.

    Args:
        path: a file of `save_safetensors`.
        system: the system, where the file does not name it; a contradiction is an error.
        sha256: what the file must hash to.

    Raises:
        WeightsError: as `load_safetensors`; also where neither the file nor the caller names a system.
    """
    metadata = read_metadata(path)
    name = metadata.get("system", system)
    if system is not None and name != system:
        raise WeightsError(f"{path}: weights of system {name!r}, asked for {system!r}")
    if name is None:
        raise WeightsError(f"{path}: the file does not say which system it belongs to; name one")
    try:
        options = json.loads(metadata.get("options", "{}"))
    except ValueError as error:
        raise WeightsError(f"{path}: its metadata's options are not JSON ({error})") from error
    if not isinstance(options, dict):
        raise WeightsError(f"{path}: its metadata's options are {options!r}, expected names and values")
    detector = create(name, **options)
    load_safetensors(detector, path, sha256)
    return detector


def import_official(
    system: str,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    beside: Sequence[str | os.PathLike[str]] = (),
    options: Mapping[str, Any] | None = None,
) -> Imported:
    """Turn the authors' checkpoint into our safetensors, strictly.

    Accepts what the system's `OfficialLayout` describes: a bare state dict or one below a known wrapper
    name, with its prefix on every key or on none. Read with `torch.load(weights_only=True)` only.

    Args:
        system: a registered name.
        source: the .pth (or .tar) file.
        out: the safetensors file to write.
        beside: the further files of a system whose weights are spread over several, in the layout's order.
        options: of the builder; its defaults if not given.

    Raises:
        WeightsError: no layout is known, the file is no such checkpoint, or its tensors do not fit.
    """
    sources, out = [Path(source), *map(Path, beside)], Path(out)
    detector = create(system, **(options or {}))
    layout = detector.official
    if layout is None:
        raise WeightsError(f"system {system!r}: no official checkpoint layout is known, nothing to import")
    layouts = (layout, *layout.beside)
    if len(sources) != len(layouts):
        raise WeightsError(
            f"system {system!r}: its weights lie in {len(layouts)} files "
            f"({'; '.join(one.file for one in layouts)}), {len(sources)} given"
        )
    for path in sources:
        if path.resolve() == out.resolve():
            raise ConfigError(f"{path}: the output is the file itself; name another with --out")
    tensors: dict[str, Tensor] = {}
    parts = [_official_part(path, one) for path, one in zip(sources, layouts, strict=True)]
    for path, part in zip(sources, parts, strict=True):
        if both := tensors.keys() & part.tensors.keys():
            raise WeightsError(f"{path}: holds {some(sorted(both))}, which a file before it held too")
        tensors |= part.tensors
    names = ", ".join(path.name for path in sources)
    check_state(detector.state_dict(), tensors, ", ".join(map(str, sources)))
    detector.load_state_dict(tensors, strict=True)
    metadata = {
        "origin": names,
        "origin_sha256": ", ".join(part.sha256 for part in parts),
        "licence": layout.licence,
        "trained_on": f"by the authors; their checkpoint {names}",
    }
    digest = save_safetensors(detector, out, metadata)
    return Imported(
        system=system,
        source=sources[0],
        source_sha256=parts[0].sha256,
        path=out,
        sha256=digest,
        tensors=len(tensors),
        parameters=sum(p.numel() for p in detector.parameters() if p.requires_grad),
        wrapper=parts[0].wrapper,
        prefix=parts[0].prefix,
        dropped=tuple(name for part in parts for name in part.dropped),
        flipped=not layout.fake_is_one,
        notes=tuple(
            note
            for path, part, one in zip(sources, parts, layouts, strict=True)
            for note in official.notes(path, part.sha256, one)
        ),
        beside=tuple((path, part.sha256) for path, part in zip(sources[1:], parts[1:], strict=True)),
    )


@dataclass(frozen=True)
class _Part:
    """One official file under our names."""

    tensors: dict[str, Tensor]
    sha256: str
    wrapper: str
    prefix: str
    dropped: tuple[str, ...]


def _official_part(source: Path, layout: OfficialLayout) -> _Part:
    data, found = _read(source)
    raw = _unpack(data, str(source))[0] if source.suffix == ".safetensors" else _load_plain(data, source)
    wrapped, wrapper, beside = official.unwrap(raw, layout, source)
    state, prefix = official.strip_prefix(wrapped, layout.prefix, source)
    renamed, unused = official.rename(state, layout, source)
    return _Part(official.orient(renamed, layout, source), found, wrapper, prefix, (*beside, *unused))


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """A flat name -> tensor mapping from `.safetensors` or a torch file; half precision becomes single.

    Raises:
        WeightsError: missing, damaged, or holding anything but named tensors.
    """
    data, _ = _read(path)
    if path.suffix == ".safetensors":
        state: object = _unpack(data, str(path))[0]
    else:
        state = _load_plain(data, path)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: expected a flat mapping of names to tensors; save the state dict alone")
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def check_state(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], origin: str) -> None:
    """Raise `WeightsError` naming what differs between two state dicts: keys, shapes, dtypes, NaN."""
    both = [name for name in expected if name in found]
    faults = {
        "missing": [name for name in expected if name not in found],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": [
            f"{name} {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
            for name in both
            if found[name].shape != expected[name].shape
        ],
        "of another dtype": [
            f"{name} {found[name].dtype} instead of {expected[name].dtype}"
            for name in both
            if found[name].dtype != expected[name].dtype
        ],
        "not finite": [name for name in both if not bool(found[name].isfinite().all())],
    }
    parts = [f"{len(names)} {kind} ({some(names)})" for kind, names in faults.items() if names]
    if parts:
        raise WeightsError(
            f"{origin}: the weights do not fit, {len(expected)} tensors expected and {len(found)} found: "
            f"{'; '.join(parts)}; nothing was loaded"
        )


def write_whole(path: Path, data: bytes) -> None:
    """Write a file through a neighbour that is renamed, so that no reader sees a part of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be written ({error})") from error


def _identity(detector: Detector) -> dict[str, str]:
    card = detector.card
    return {"system": card.name, "options": json.dumps(card.options, sort_keys=True)}


def _read(path: Path) -> tuple[bytes, str]:
    """A file's bytes and their SHA-256; what is hashed is what is then parsed."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error}); expected a file of weights") from error
    return data, hashlib.sha256(data).hexdigest()


def _unpack(data: bytes, origin: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file's bytes."""
    safetensors = require("safetensors", extra="train", purpose="loading weights")
    loader = require("safetensors.torch", extra="train", purpose="loading weights")
    try:
        tensors: dict[str, Tensor] = loader.load(data)
    except (safetensors.SafetensorError, KeyError) as error:
        raise WeightsError(f"{origin}: not a safetensors file of torch tensors ({error})") from error
    return tensors, dict(_header(data).get("__metadata__", {}))


def _header(data: bytes) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return header


def _with_metadata(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """Put metadata in a safetensors header, sorted: the library's own order changes from run to run."""
    # File names in a command may hold bytes that are not UTF-8; the format takes UTF-8 only.
    texts = {name: text.encode("utf-8", "backslashreplace").decode() for name, text in metadata.items()}
    header = _header(data) | {"__metadata__": {"format": "pt", **texts}}
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + int.from_bytes(data[:8], "little") :]


def _load_plain(data: bytes, source: Path) -> object:
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # the reader raises anything at all on bytes that it does not know
        refused = re.search(r"GLOBAL (\S+)", str(error))
        found = f"it holds a Python object, {refused[1]}" if refused else type(error).__name__
        raise WeightsError(
            f"{source}: not a torch checkpoint of plain tensors ({found}); expected a .pth file with a state "
            "dict; nothing else is unpickled"
        ) from error
