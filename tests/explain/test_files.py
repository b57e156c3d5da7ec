import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.explain import CamMap, Explained, describe, write
from upprint.result import ConfigError, ScanResult, Verdict

KINDS = ("npr-r", "npr-g", "npr-b", "npr", "cam", "overlay")


def explained(path, height=40, width=56, seed=0):
    random = np.random.default_rng(seed)
    cells = random.normal(size=(height // 8, width // 8)).astype(np.float32)
    cam = CamMap(cells, 8, 0.1, float(cells.mean()) + 0.1, height, width)
    pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Explained(Path(path), pixels, cam, "npr: generated, logit +1.0")


def test_one_picture_gives_six_figures_named_after_it(tmp_path):
    files = write([explained("somewhere/photo.final.jpg")], tmp_path / "new" / "folder")
    assert files == [tmp_path / "new" / "folder" / f"photo.final-{kind}.png" for kind in KINDS]
    for file in files:
        with Image.open(file) as picture:
            assert picture.format == "PNG"
            assert picture.mode == "RGB"
            picture.load()


def test_two_pictures_add_their_comparison(tmp_path):
    files = write([explained("a.jpg", seed=1), explained("b.png", seed=2)], tmp_path)
    names = [f"{stem}-{kind}.png" for stem in "ab" for kind in KINDS]
    assert [file.name for file in files] == [*names, "a-vs-b-npr.png"]
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_equal_stems_do_not_overwrite_each_other(tmp_path):
    files = write([explained("x/photo.jpg", seed=1), explained("y/photo.png", seed=2)], tmp_path)
    assert len(set(files)) == 13
    assert files[-1].name == "photo-vs-photo-2-npr.png"


def test_two_pictures_share_their_scales(tmp_path):
    """The same picture looks different beside a stronger one, because both take the stronger scale."""
    weak, strong = explained("weak.png", seed=1), explained("strong.png", seed=2)
    weak = Explained(weak.path, weak.pixels // 8, weak.cam, weak.verdict)
    alone = write([weak], tmp_path / "alone")
    beside = write([weak, strong], tmp_path / "beside")
    assert alone[0].name == beside[0].name
    assert alone[0].read_bytes() != beside[0].read_bytes()
    again = write([weak], tmp_path / "again")
    assert [a.read_bytes() for a in alone] == [b.read_bytes() for b in again]


@pytest.mark.parametrize("number", [0, 3])
def test_one_or_two_pictures(number, tmp_path):
    with pytest.raises(ConfigError, match="expected one, or two"):
        write([explained(f"{i}.png") for i in range(number)], tmp_path)


def test_sizes_must_agree(tmp_path):
    with pytest.raises(ConfigError, match="same size"):
        write([explained("a.png"), explained("b.png", 56, 40)], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_picture_to_explain_is_never_replaced(tmp_path):
    victim = tmp_path / "a-cam.png"
    victim.write_bytes(b"precious")
    with pytest.raises(ConfigError, match="would replace a picture"):
        write([explained("a.png"), explained(victim)], tmp_path)
    assert victim.read_bytes() == b"precious"


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="no folder for the figures"):
        write([explained("a.png")], tmp_path / "file")


def test_describe():
    row = ScanResult("a", "npr", logit=-1.5, probability=0.25, verdict=Verdict.NO_TRACE, tiles=4)
    assert describe(row) == "npr: no trace found, logit -1.500, probability 0.250 (4 tiles)"
    assert describe(ScanResult("a", "npr", logit=2.0, tiles=1)) == "npr: no verdict, logit +2.000 (1 tile)"


def test_explaining_needs_the_light_core_only():
    code = (
        "import sys, upprint.explain, upprint.cli.explain\n"
        "heavy = {'torch', 'matplotlib', 'scipy', 'sklearn', 'pyarrow', 'onnx'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
