"""Small data sets, clean or with one planted bias.

Pictures are textured: smooth colours, edges and noise of their own, 96 x 96 unless said otherwise, so that
JPEG and resampling leave in them what they leave in photos. Both classes come from one recipe.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.audit.report import Report
from upprint.audit.run import Settings, audit
from upprint.data.layouts import read

QUICK = Settings(permutations=499, trees=15, workers=1)
FILES = 14


def picture(rng: np.random.Generator, width: int = 96, height: int = 96) -> Image.Image:
    """One picture of the recipe."""
    coarse = rng.integers(30, 226, (8, 8, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noise = rng.normal(0, rng.uniform(8, 14), (height, width, 1)) + rng.normal(0, 3, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, **options: object) -> bytes:
    return saved(image, "JPEG", **options)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(image: Image.Image) -> bytes:
    return saved(image, "PNG", compress_level=1)


Encode = Callable[[Image.Image, np.random.Generator], bytes]


def build(root: Path, real: Encode, fake: Encode, *, files: int = FILES, seed: int = 0) -> Path:
    """Write `0_real` and `1_fake` with `files` pictures each; encoders get a picture and a generator."""
    rng = np.random.default_rng(seed)
    for folder, encode in (("0_real", real), ("1_fake", fake)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for index in range(files):
            (root / folder / f"{index:03}.img").write_bytes(encode(picture(rng), rng))
    return root


@pytest.fixture
def plant(tmp_path: Path) -> Callable[..., Report]:
    """Build a set and audit it."""

    def run(real: Encode, fake: Encode, *, files: int = FILES, seed: int = 0) -> Report:
        root = build(tmp_path / f"set{seed}", real, fake, files=files, seed=seed)
        return audit(read(root, "plain"), root=str(root), settings=QUICK)

    return run


@pytest.fixture
def sets() -> object:
    """The helpers of this module, for tests that build by hand."""

    class Helpers:
        picture = staticmethod(picture)
        jpeg = staticmethod(jpeg)
        saved = staticmethod(saved)
        png = staticmethod(png)
        build = staticmethod(build)
        quick = QUICK
        files = FILES

    return Helpers
