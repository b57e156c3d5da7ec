"""Small trees of small pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Grow = Callable[[Mapping[str, int | Sequence[str]]], Path]


@pytest.fixture
def grow(tmp_path: Path) -> Grow:
    """Write `{folder: number of pictures, or their names}` below a fresh root, every picture different."""
    rng = np.random.default_rng(0)

    def write(folders: Mapping[str, int | Sequence[str]]) -> Path:
        root = tmp_path / "root"
        for folder, wanted in folders.items():
            names = [f"{i:03}.png" for i in range(wanted)] if isinstance(wanted, int) else wanted
            (root / folder).mkdir(parents=True, exist_ok=True)
            for name in names:
                pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / folder / name)
        return root

    return write
