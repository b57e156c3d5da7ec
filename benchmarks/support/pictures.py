"""Synthetic photographs: noise whose amplitude falls as 1/f, as in natural scenes, plus sensor grain.

Nothing is fetched, and a seed gives the same files on every machine with the same JPEG library.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from support.report import Context

Pixels = NDArray[np.uint8]
Field = NDArray[np.float32]

FIELDS = 12
"""Fields made per set; every picture mixes them anew, shifted, which costs far less than a new one."""
GRAIN = 2.0
LENS = 0.9
"""Blur in pixels, as of a lens and a colour filter array: 12 megapixels at quality 90 are then some 4 MB."""


def field(rng: np.random.Generator, side: int, blur: float = 0.0) -> Field:
    """A periodic square of 1/f noise with mean 0 and standard deviation 1, blurred by `blur` pixels."""
    spectrum = np.fft.rfft2(rng.standard_normal((side, side), dtype=np.float32))
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.maximum(np.hypot(rows, columns), 1 / side)
    spectrum *= np.exp(-2 * (np.pi * blur * frequency) ** 2) / frequency
    plane = np.fft.irfft2(spectrum, s=(side, side)).astype(np.float32)
    plane -= plane.mean()
    plane /= plane.std()
    return plane


def pictures(
    count: int, height: int, width: int, *, seed: int, enlarged: bool = False, fields: int = FIELDS
) -> Iterator[Pixels]:
    """Yield `count` pictures, uint8 RGB (height, width, 3).

    Args:
        enlarged: made at half the size and doubled bilinearly, as a generator's last up-sampling does.
        fields: how many to mix from.
    """
    rng = np.random.default_rng((seed, height, width, enlarged))
    if enlarged:
        for small in pictures(count, -(-height // 2), -(-width // 2), seed=seed + 1, fields=fields):
            doubled = Image.fromarray(small).resize(
                (2 * small.shape[1], 2 * small.shape[0]), Image.Resampling.BILINEAR
            )
            yield np.ascontiguousarray(np.asarray(doubled)[:height, :width])
        return
    side = 1 << (max(height, width) - 1).bit_length()
    pool = [field(rng, side, LENS) for _ in range(fields)]

    def drawn() -> Field:
        plane = pool[rng.integers(len(pool))]
        shift = (int(rng.integers(side)), int(rng.integers(side)))
        return np.roll(plane, shift, (0, 1))[:height, :width]

    for _ in range(count):
        luminance = 45 * drawn() + 25 * drawn() + np.float32(rng.uniform(100, 150))
        planes = [luminance + 12 * drawn() for _ in range(3)]
        image = np.stack(planes, axis=-1)
        image += rng.normal(0, GRAIN, (height, width, 1)).astype(np.float32)
        yield np.clip(image, 0, 255).round().astype(np.uint8)


def jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """Encoded with 4:2:0 chroma, as cameras and the web do."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


def write_folder(
    folder: Path,
    count: int,
    height: int,
    width: int,
    *,
    seed: int,
    enlarged: float = 0.0,
    fields: int = FIELDS,
) -> list[str]:
    """Write JPEGs of quality 90, a share `enlarged` of them spread evenly; returns their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    doubled = round(count * enlarged)
    plain = pictures(count - doubled, height, width, seed=seed, fields=fields)
    print_of_two = pictures(doubled, height, width, seed=seed, enlarged=True, fields=fields)
    paths = []
    for index in range(count):
        is_doubled = (index + 1) * doubled // count > index * doubled // count
        path = folder / f"{index:05d}.jpg"
        path.write_bytes(jpeg(next(print_of_two if is_doubled else plain)))
        paths.append(str(path))
    return paths


def write_folders(context: Context, count: int, warm: int, side: int) -> dict[str, str]:
    """A folder of square pictures, half of them enlarged, and one to warm up on: `folder` and `warm`."""
    places = {name: context.folder / name for name in ("folder", "warm")}
    fields = context.size(12, 1)
    write_folder(places["folder"], count, side, side, seed=1, enlarged=0.5, fields=fields)
    write_folder(places["warm"], warm, side, side, seed=2, fields=fields)
    return {name: str(place) for name, place in places.items()}
