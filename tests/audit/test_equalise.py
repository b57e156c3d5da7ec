import csv
from pathlib import Path

import numpy as np
import pytest

from upprint.audit import equalise, features
from upprint.audit.findings import Item
from upprint.audit.run import audit
from upprint.data.layouts import read
from upprint.result import ConfigError, DataError, ResumeError


def items(root: Path) -> list[Item]:
    samples = read(root, "plain").samples
    known = features.collect([s.path for s in samples], workers=1)
    return [Item(s, known[s.path]) for s in samples if known[s.path].error is None]


@pytest.fixture
def biased(tmp_path: Path, sets) -> Path:
    """Photos: JPEGs of several qualities and sizes with a profile; generated: PNGs of one size."""

    def photo(image, rng) -> bytes:
        image = sets.picture(rng, 96 + int(rng.integers(0, 20)), 100)
        return sets.jpeg(image, quality=int(rng.integers(70, 90)), dpi=(300, 300))

    return sets.build(tmp_path / "set", photo, lambda image, rng: sets.png(image))


def test_the_copy_has_none_of_the_planted_biases(biased: Path, tmp_path: Path, sets) -> None:
    before = audit(read(biased, "plain"), settings=sets.quick).everything
    assert {"format", "size", "dpi"} <= {cue.cue for cue in before.found}
    made = equalise.equalise(items(biased), tmp_path / "copy")
    assert (made.written, made.kept, made.left_out) == (2 * sets.files, 0, ())
    assert made.plan.side == 96
    assert made.plan.quality is not None
    after = audit(read(tmp_path / "copy"), settings=sets.quick).everything
    assert after.biases == ()
    both = next(a for a in after.baselines if a.name == "both")
    assert not both.above_chance


def test_without_any_history_the_copy_is_png(tmp_path: Path, sets) -> None:
    root = sets.build(tmp_path / "set", lambda i, r: sets.png(i), lambda i, r: sets.saved(i, "BMP"), files=5)
    made = equalise.equalise(items(root), tmp_path / "copy", side=64)
    assert (made.plan.quality, made.plan.side) == (None, 64)
    assert {path.suffix for path in (tmp_path / "copy").rglob("0*.*")} == {".png"}


def test_a_killed_copy_goes_on(biased: Path, tmp_path: Path) -> None:
    found, out = items(biased), tmp_path / "copy"
    equalise.equalise(found, out)
    manifest = out / "manifest.csv"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[: len(whole) // 2])
    again = equalise.equalise(found, out)
    assert again.written > 0
    assert again.kept > 0
    assert manifest.read_bytes() == whole
    with pytest.raises(ResumeError, match="copy made with"):
        equalise.equalise(found, out, side=64)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ResumeError, match="not empty"):
        equalise.equalise(found, tmp_path / "other")


def test_what_cannot_be_kept_is_left_out_with_its_reason(tmp_path: Path, sets) -> None:
    root = sets.build(tmp_path / "set", lambda i, r: sets.png(i), lambda i, r: sets.png(i), files=6)
    rng = np.random.default_rng(7)
    shared = sets.png(sets.picture(rng))
    (root / "0_real" / "grey.png").write_bytes(sets.png(sets.picture(rng).convert("L")))
    (root / "0_real" / "small.png").write_bytes(sets.png(sets.picture(rng, 48, 96)))
    for folder in ("0_real", "1_fake"):
        (root / folder / "shared.png").write_bytes(shared)
    made = equalise.equalise(items(root), tmp_path / "copy", side=96)
    text = "\n".join(made.left_out)
    assert len(made.left_out) == 4
    for reason in ("a grey picture", "48 x 96 pixels", "the same pixels stand in both classes"):
        assert reason in text
    with (tmp_path / "copy" / "manifest.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12


def test_crops_keep_the_phase_of_an_earlier_grid() -> None:
    pixels = np.zeros((100, 120, 3), np.uint8)
    pixels[5, 3 + 16] = 200
    part = equalise.crop(pixels, 64, (3, 5))
    assert part.shape == (64, 64, 3)
    assert part[0, 0, 0] == 200


def test_impossible_requests(biased: Path, tmp_path: Path) -> None:
    found = items(biased)
    with pytest.raises(ConfigError, match="multiple of 16"):
        equalise.equalise(found, tmp_path / "x", side=50)
    with pytest.raises(ConfigError, match="quality 0"):
        equalise.equalise(found, tmp_path / "x", quality=0)
    with pytest.raises(DataError, match="smaller --side"):
        equalise.equalise(found, tmp_path / "x", side=512)
    with pytest.raises(DataError, match="no readable generated"):
        equalise.equalise([item for item in found if item.sample.label == 0], tmp_path / "x")
