"""From a folder of photos to aligned pairs on disk, resumable, with a manifest."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from upprint.forge.align import crop_aligned, encode_like, history_of, usable
from upprint.images import decode_bytes, find_images
from upprint.result import DataError, ImageError, Progress, UnreadableFile, UnsupportedImage

Pixels = NDArray[np.uint8]
COLUMNS = ("path", "label", "subset", "generator", "source", "group", "history", "parameters", "sha256")


@dataclass(frozen=True)
class Maker:
    """Something that turns a photo into its generated twin.

    `make` maps (H, W, 3) uint8 to the same; H and W are multiples of `stride`. `parameters` say
    exactly which maker it is (weights hash, seed, ...).
    """

    name: str
    stride: int
    parameters: dict[str, str]
    make: Callable[[Pixels], Pixels]


@dataclass(frozen=True)
class Forged:
    """What a run left behind: pairs written now, pairs found from before, photos refused and why."""

    manifest: Path
    made: int
    kept: int
    refused: tuple[str, ...]


def forge(
    photos: Path,
    out: Path,
    maker: Maker,
    *,
    longest: int | None = 512,
    smallest: int = 128,
    progress: Progress = lambda _done, _total: None,
) -> Forged:
    """Write `out/photos/<maker>/...` and `out/twins/<maker>/...` with one manifest row each.

    A pair counts once its two manifest rows are written; a killed run makes the unfinished pair
    again and goes on. Photos are read in sorted order.

    Args:
        photos: folder of camera-made pictures.
        out: folder to write; may hold an earlier, unfinished run with the same maker.
        maker: turns a photo into its twin.
        longest: crop to at most this side; None keeps the whole picture.
        smallest: photos with a shorter side are refused.
        progress: called after each photo.

    Raises:
        DataError: no picture in `photos`, or `out` belongs to another maker or setting.
    """
    files = list(find_images([photos]))
    if not files:
        raise DataError(f"{photos}: no image found; expected a folder of photos")
    out.mkdir(parents=True, exist_ok=True)
    settings: dict[str, object] = {
        "maker": maker.name,
        "parameters": maker.parameters,
        "longest": longest,
        "smallest": smallest,
    }
    _same_settings(out / f"forge-{maker.name}.json", settings)
    manifest = out / "manifest.csv"
    finished = _finished(manifest, maker.name)
    made = kept = 0
    refused = []
    with manifest.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if file.tell() == 0:
            writer.writeheader()
        for index, path in enumerate(files, 1):
            key = _key(photos, path)
            if key in finished:
                kept += 1
            else:
                try:
                    rows = _pair(path, key, out, maker, longest, smallest)
                except ImageError as error:
                    refused.append(str(error))
                else:
                    writer.writerows(rows)
                    file.flush()
                    made += 1
            progress(index, len(files))
    return Forged(manifest, made, kept, tuple(refused))


def _pair(
    path: str, key: str, out: Path, maker: Maker, longest: int | None, smallest: int
) -> list[dict[str, object]]:
    if not key.isprintable():
        found = "a name with control characters or bytes that are no UTF-8"
        raise UnsupportedImage(path, found, "one that a manifest can hold", "rename it")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableFile(path, str(error), "a readable file", "check its permissions") from error
    photo = decode_bytes(data, path=path).pixels
    usable(photo, path=path, smallest=smallest)
    history = history_of(data)
    photo = crop_aligned(photo, stride=maker.stride, longest=longest)
    twin = encode_like(maker.make(photo), history)
    if history.both:
        photo = encode_like(photo, history)
    rows = []
    for label, pixels, relative in (
        (0, photo, Path("photos") / maker.name / f"{key}.png"),
        (1, twin, Path("twins") / maker.name / f"{key}.png"),
    ):
        rows.append(
            {
                "path": relative.as_posix(),
                "label": label,
                "subset": maker.name,
                "generator": maker.name if label else "real",
                "source": key,
                "group": Path(key).parts[0] if len(Path(key).parts) > 1 else "",
                "history": history.text,
                "parameters": json.dumps(maker.parameters, sort_keys=True) if label else "",
                "sha256": _save(pixels, out / relative),
            }
        )
    return rows


def _save(pixels: Pixels, path: Path) -> str:
    """Write a PNG so that a half-written one is never found; returns the sha256 of its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    Image.fromarray(pixels).save(temporary, "PNG", compress_level=1)
    digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
    temporary.replace(path)
    return digest


def _key(root: Path, path: str) -> str:
    """The photo's identity: its path below the root, extension kept apart from equal stems."""
    relative = Path(os.path.relpath(path, root))
    return f"{relative.with_suffix('').as_posix()}-{relative.suffix.lstrip('.').lower()}"


def _same_settings(path: Path, settings: dict[str, object]) -> None:
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before != settings:
            raise DataError(
                f"{path.parent} was forged with {before}, now asked for {settings}; choose another --out"
            )
    else:
        path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _finished(manifest: Path, maker: str) -> set[str]:
    """Keys whose photo and twin both have a row; a torn or lone last row is cut off."""
    if not manifest.exists():
        return set()
    lines = manifest.read_text(encoding="utf-8").splitlines(keepends=True)
    while len(lines) > 1 and (not lines[-1].endswith("\n") or len(lines) % 2 == 0):
        lines.pop()
    manifest.write_text("".join(lines), encoding="utf-8")
    return {
        row["source"] for row in csv.DictReader(lines) if row["label"] == "1" and row["generator"] == maker
    }
