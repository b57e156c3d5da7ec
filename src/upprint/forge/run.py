"""From a folder of photos to aligned pairs on disk, resumable, with a manifest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint.allocator import keep_pages
from upprint.data.split import training_part
from upprint.forge.align import History, crop_aligned, encode_like, history_of, usable
from upprint.forge.prepare import Preparation, match_spectrum, null_operation, reduce_photo
from upprint.images import decode_bytes, find_images
from upprint.result import (
    ConfigError,
    DataError,
    ImageError,
    Progress,
    UnreadableFile,
    UnsupportedImage,
    require,
)

Pixels = NDArray[np.uint8]
COLUMNS = (
    "path",
    "label",
    "subset",
    "generator",
    "source",
    "group",
    "split",
    "seed",
    "prepared",
    "history",
    "null",
    "matched",
    "parameters",
    "sha256",
)
_WAITING = 4
"""At most so many batches' worth of photos wait for others of their size."""


@dataclass(frozen=True)
class Maker:
    """Something that turns photos into their generated twins.

    `make` maps pictures (H, W, 3) uint8 of one size to as many of the same size; H and W are multiples of
    `stride`. `parameters` say exactly which maker it is (recipe, weights' hash, ...).
    """

    name: str
    stride: int
    parameters: dict[str, str]
    make: Callable[[Sequence[Pixels]], list[Pixels]]


@dataclass(frozen=True)
class ForgeConfig:
    """How photos become pairs.

    Args:
        longest: crop to at most this side, anywhere in the photo; None keeps the whole picture.
        smallest: photos with a shorter side are refused.
        preparation: reductions and null operations.
        validation: share of sources whose split is "validation".
        hold_out: source keys or patterns ("flickr/*") whose split is "test".
        batch: pictures of one size that a maker gets at once.
    """

    longest: int | None = 512
    smallest: int = 128
    preparation: Preparation = field(default_factory=Preparation)
    validation: float = 0.2
    hold_out: tuple[str, ...] = ()
    batch: int = 8

    def __post_init__(self) -> None:
        if self.batch < 1 or self.smallest < 1 or (self.longest is not None and self.longest < self.smallest):
            raise ConfigError(
                f"batch {self.batch}, smallest {self.smallest}, longest {self.longest}: "
                "expected at least 1, and longest not below smallest"
            )
        if not 0 <= self.validation < 1:
            raise ConfigError(f"validation {self.validation}: expected a share from 0 to below 1")


@dataclass(frozen=True)
class Forged:
    """What a run left behind: pairs written now, pairs found from before, photos refused and why."""

    manifest: Path
    made: int
    kept: int
    refused: tuple[str, ...]


@dataclass(frozen=True)
class _Pair:
    """A photo on its way: cropped and prepared, its twin not made yet."""

    key: str
    photo: Pixels
    history: History
    prepared: str
    rng: np.random.Generator


def forge(
    photos: Path,
    out: Path,
    maker: Maker,
    config: ForgeConfig | None = None,
    *,
    progress: Progress = lambda _done, _total: None,
) -> Forged:
    """Write `out/photos/<maker>/...`, `out/twins/<maker>/...` and rows for them in `out/manifest.parquet`.

    A pair counts once its lines stand in the maker's journal; a killed run makes the unfinished pairs again
    and goes on. Several makers share one `out`. Draws depend on the seed, the photo's key and the maker's
    name alone.

    Args:
        photos: folder of camera-made pictures.
        out: folder to write; may hold an earlier, unfinished run with the same maker and settings.
        maker: turns photos into their twins.
        config: crops, preparation, split.
        progress: called after each photo.

    Raises:
        DataError: no picture in `photos`, or `out` was forged by this maker with other settings.
        MissingExtra: without pyarrow, which writes the manifest.
    """
    require("pyarrow", extra="train", purpose="the manifest of forged pairs")
    keep_pages()
    config = config or ForgeConfig()
    files = list(find_images([photos]))
    if not files:
        raise DataError(f"{photos}: no image found; expected a folder of photos")
    out.mkdir(parents=True, exist_ok=True)
    settings = {"maker": maker.name, "parameters": maker.parameters, **asdict(config)}
    _same_settings(out / f"forge-{maker.name}.json", settings)
    journal = out / f"forge-{maker.name}.jsonl"
    _cut_torn(journal)
    finished = {row["source"] for row in _journal(journal)}
    made = kept = done = 0
    refused: list[str] = []
    waiting: dict[tuple[int, ...], list[_Pair]] = {}

    def finish(pairs: list[_Pair]) -> None:
        twins = maker.make([pair.photo for pair in pairs])
        for pair, twin in zip(pairs, twins, strict=True):
            for row in _write(pair, twin, out, maker, config):
                file.write(json.dumps(row) + "\n")
            file.flush()

    with journal.open("a", encoding="utf-8") as file:
        for path in files:
            key = key_of(photos, path)
            if key in finished:
                kept += 1
            else:
                try:
                    pair = _read(path, key, maker, config)
                except ImageError as error:
                    refused.append(str(error))
                else:
                    group = waiting.setdefault(pair.photo.shape, [])
                    group.append(pair)
                    made += 1
                    if len(group) == config.batch:
                        finish(waiting.pop(pair.photo.shape))
                    elif sum(map(len, waiting.values())) == _WAITING * config.batch:
                        # Photos of many sizes: memory is bounded, a batch that never fills is not waited for.
                        finish(waiting.pop(next(iter(waiting))))
            done += 1
            progress(done, len(files))
        for group in waiting.values():
            finish(group)
    return Forged(write_manifest(out), made, kept, tuple(refused))


def training_photos(photos: Path, validation: float, hold_out: Collection[str]) -> list[str]:
    """Paths of the photos whose split would be "train".

    Raises:
        DataError: there is none.
    """
    found = find_images([photos])
    paths = [path for path in found if training_part(key_of(photos, path), validation, hold_out) == "train"]
    if not paths:
        raise DataError(f"{photos}: no photo left for training; expected a folder of photos")
    return paths


def write_manifest(out: Path) -> Path:
    """Gather the journals of every maker in `out` into `manifest.parquet`, sorted by subset and source."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row for journal in sorted(out.glob("forge-*.jsonl")) for row in _journal(journal)]
    rows.sort(key=lambda row: (row["subset"], row["source"], row["label"]))
    table = pa.table({name: [row[name] for row in rows] for name in COLUMNS})
    manifest = out / "manifest.parquet"
    temporary = manifest.with_suffix(f".{os.getpid()}.tmp")
    pq.write_table(table, temporary)
    temporary.replace(manifest)
    return manifest


def _read(path: str, key: str, maker: Maker, config: ForgeConfig) -> _Pair:
    """The photo's side of a pair before its twin is made."""
    if not key.isprintable():
        found = "a name with control characters or bytes that are no UTF-8"
        raise UnsupportedImage(path, found, "one that a manifest can hold", "rename it")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableFile(path, str(error), "a readable file", "check its permissions") from error
    photo = decode_bytes(data, path=path).pixels
    smallest = max(config.smallest, maker.stride)
    usable(photo, path=path, smallest=smallest)
    digest = hashlib.sha256(f"{config.preparation.seed}\0{maker.name}\0{key}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    photo, history, prepared = reduce_photo(photo, history_of(data), config.preparation, smallest, rng)
    photo = crop_aligned(photo, stride=maker.stride, longest=config.longest, rng=rng)
    return _Pair(key, photo, history, prepared, rng)


def _write(
    pair: _Pair, twin: Pixels, out: Path, maker: Maker, config: ForgeConfig
) -> Iterator[dict[str, Any]]:
    """Save both sides; one manifest row each."""
    matched = config.preparation.matched > 0 and pair.rng.random() < config.preparation.matched
    twin = encode_like(match_spectrum(twin, pair.photo) if matched else twin, pair.history)
    photo = encode_like(pair.photo, pair.history) if pair.history.both else pair.photo
    photo, null = null_operation(photo, pair.history, config.preparation, pair.rng)
    parts = Path(pair.key).parts
    for label, folder, pixels in ((0, "photos", photo), (1, "twins", twin)):
        relative = Path(folder) / maker.name / f"{pair.key}.png"
        yield {
            "path": relative.as_posix(),
            "label": label,
            "subset": maker.name,
            "generator": maker.name if label else "real",
            "source": pair.key,
            "group": parts[0] if len(parts) > 1 else "",
            "split": training_part(pair.key, config.validation, config.hold_out),
            "seed": config.preparation.seed,
            "prepared": pair.prepared,
            "history": pair.history.text,
            "null": "" if label else null,
            "matched": bool(label and matched),
            "parameters": json.dumps(maker.parameters, sort_keys=True) if label else "",
            "sha256": _save(pixels, out / relative),
        }


def _save(pixels: Pixels, path: Path) -> str:
    """Write a PNG so that a half-written one is never found; returns the sha256 of its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    Image.fromarray(pixels).save(temporary, "PNG", compress_level=1)
    digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
    temporary.replace(path)
    return digest


def key_of(root: Path, path: str) -> str:
    """The photo's identity: its path below the root, extension kept apart from equal stems."""
    relative = Path(os.path.relpath(path, root))
    return f"{relative.with_suffix('').as_posix()}-{relative.suffix.lstrip('.').lower()}"


def _same_settings(path: Path, settings: dict[str, Any]) -> None:
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    if path.exists():
        before = path.read_text(encoding="utf-8")
        if before != text:
            raise DataError(
                f"{path.parent} was forged with\n{before}now asked for\n{text}choose another --out"
            )
    else:
        path.write_text(text, encoding="utf-8")


def _journal(path: Path) -> list[dict[str, Any]]:
    """Rows of whole pairs. Only reads: another run may be writing this file."""
    return [json.loads(line) for line in _whole(path)]


def _cut_torn(path: Path) -> None:
    """Cut off what a killed run left unfinished: a torn last line, or a photo without its twin."""
    whole = "".join(_whole(path))
    if path.exists() and len(whole.encode()) != path.stat().st_size:
        path.write_text(whole, encoding="utf-8")


def _whole(path: Path) -> list[str]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    return whole[: len(whole) // 2 * 2]
