from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from upprint.curves import draw_curves, read_curves


def log(folder: Path, part: int, text: str) -> None:
    (folder / f"part_{part}").mkdir(parents=True)
    (folder / f"part_{part}" / "metrics.csv").write_text(text)


def test_parts_are_joined_in_order_and_the_later_wins(tmp_path: Path) -> None:
    log(tmp_path, 0, "loss,step,val_auroc\n3.0,1,\n2.0,2,\n,2,0.5\n")
    log(tmp_path, 2, "loss,step\n1.0,3\n")
    log(tmp_path, 10, "loss,step\n0.5,2\n0.25,4\n")
    curves = read_curves(tmp_path)
    assert curves == {"loss": [(1, 3.0), (2, 0.5), (3, 1.0), (4, 0.25)], "val_auroc": [(2, 0.5)]}


def test_the_picture_shows_something(tmp_path: Path) -> None:
    log(tmp_path / "curves", 0, "loss,step,val_loss,lr\n3.0,1,,0.1\n2.0,2,2.5,0.1\n")
    draw_curves(tmp_path / "curves", tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_nothing_logged_draws_nothing(tmp_path: Path) -> None:
    draw_curves(tmp_path, tmp_path / "c.png")
    assert not (tmp_path / "c.png").exists()
