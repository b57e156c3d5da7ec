from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image, ImageFilter

from upprint.data.layouts import read
from upprint.data.split import SPLIT_SEED, split
from upprint.forge.align import crop_aligned, encode_like, history_of
from upprint.forge.batched import batched
from upprint.forge.prepare import Preparation
from upprint.forge.run import ForgeConfig, Maker, forge, training_photos
from upprint.forge.taesd import TinyAutoencoder, maker
from upprint.result import DataError, WeightsError


def picture(seed: int, height: int = 150, width: int = 170) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 180, width)[None, :, None] + np.linspace(0, 40, height)[:, None, None]
    return np.clip(ramp + rng.normal(0, 10, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    (root / "trip").mkdir(parents=True)
    Image.fromarray(picture(0)).save(root / "trip" / "a.jpg", quality=83, subsampling=1)
    Image.fromarray(picture(1)).save(root / "trip" / "b.png")
    Image.fromarray(picture(2)).save(root / "c.webp", quality=60)
    Image.fromarray(picture(3, 40, 40)).save(root / "small.png")
    Image.fromarray(picture(4)).convert("L").save(root / "grey.png")
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    return root


def invert(photos: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [255 - photo for photo in photos]


def rows_of(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / "manifest.parquet").to_pylist()
    return rows


SMALL = ForgeConfig(longest=128)


def test_history_repeats_the_photos_own_tables(photos: Path) -> None:
    path = photos / "trip" / "a.jpg"
    history = history_of(path.read_bytes())
    assert history.tables is not None
    buffer = io.BytesIO()
    Image.fromarray(picture(0)).save(buffer, "JPEG", quality=83, subsampling=1)
    assert np.array_equal(encode_like(picture(0), history), np.asarray(Image.open(buffer)))


def test_lossless_stays_lossless_and_other_codecs_are_equalised(photos: Path) -> None:
    png = photos / "trip" / "b.png"
    assert np.array_equal(encode_like(picture(1), history_of(png.read_bytes())), picture(1))
    webp = history_of((photos / "c.webp").read_bytes())
    assert webp.both
    assert webp.quality == 90


def test_rotated_jpeg_is_equalised_on_both(tmp_path: Path) -> None:
    path = tmp_path / "r.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(0)).save(path, exif=exif)
    assert history_of(path.read_bytes()).both


def test_crop_keeps_the_jpeg_grid() -> None:
    y, x = np.mgrid[0:100, 0:200]
    pixels = np.stack([y, x, y], -1).astype(np.uint8)
    crop = crop_aligned(pixels, stride=8, longest=64)
    assert crop.shape == (64, 64, 3)
    assert crop[0, 0, 0] % 16 == 0
    assert crop[0, 0, 1] % 16 == 0
    assert crop_aligned(pixels, stride=8, longest=None).shape == (96, 200, 3)


def test_pairs_share_size_stem_and_history(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = forge(photos, out, Maker("inv", 8, {}, invert), SMALL)
    assert (result.made, result.kept, len(result.refused)) == (3, 0, 3)
    refused = " ".join(result.refused)
    assert all(word in refused for word in ("grey picture", "40x40 pixels", "broken.jpg"))
    rows = rows_of(out)
    assert [row["label"] for row in rows] == [0, 1] * 3
    for photo_row, twin_row in zip(rows[::2], rows[1::2], strict=True):
        assert photo_row["source"] == twin_row["source"]
        photo, twin = (np.asarray(Image.open(out / row["path"])) for row in (photo_row, twin_row))
        assert photo.shape == twin.shape
        assert photo.shape[0] % 8 == photo.shape[1] % 8 == 0
        assert not np.array_equal(photo, twin)
    lossless = next(r for r in rows if r["source"] == "trip/b-png" and r["label"] == 1)
    photo = np.asarray(Image.open(out / "photos" / "inv" / "trip" / "b-png.png"))
    assert np.array_equal(np.asarray(Image.open(out / lossless["path"])), 255 - photo)
    crops = {picture(1)[y : y + 128, x : x + 128].tobytes() for y in (0, 16) for x in (0, 16, 32)}
    assert photo.tobytes() in crops


def test_names_that_no_manifest_can_hold_are_left_out(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for name in ("plain.png", "two\nlines.png"):
        Image.fromarray(picture(0)).save(root / name)
    result = forge(root, tmp_path / "out", Maker("inv", 8, {}, invert), SMALL)
    assert result.made == 1
    assert "rename it" in result.refused[0]
    assert len(rows_of(tmp_path / "out")) == 2


def test_a_killed_run_goes_on(photos: Path, tmp_path: Path) -> None:
    calls = []
    config = replace(SMALL, batch=1, preparation=Preparation(reduced=0.5, nulls=0.5, seed=3))

    def failing(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return invert(pictures)

    with pytest.raises(KeyboardInterrupt):
        forge(photos, tmp_path / "out", Maker("inv", 8, {}, failing), config)
    journal = tmp_path / "out" / "forge-inv.jsonl"
    with journal.open("a") as file:
        file.write('{"path": "photos/torn.png"}\n{"path": "twins')
    result = forge(photos, tmp_path / "out", Maker("inv", 8, {}, invert), config)
    assert (result.made, result.kept) == (2, 1)
    forge(photos, tmp_path / "whole", Maker("inv", 8, {}, invert), config)
    assert rows_of(tmp_path / "out") == rows_of(tmp_path / "whole")


def test_several_makers_share_a_folder_and_the_layout_reads_them(photos: Path, tmp_path: Path) -> None:
    for name in ("inv", "other"):
        forge(photos, tmp_path / "out", Maker(name, 8, {}, invert), SMALL)
    assert {row["subset"] for row in rows_of(tmp_path / "out")} == {"inv", "other"}
    both = read(tmp_path / "out", "twins")
    one = read(tmp_path / "out", "twins", subsets=["other"])
    assert (len(both.samples), len(one.samples)) == (12, 6)
    assert not both.skipped


def test_gathering_leaves_a_journal_that_another_run_writes_alone(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    forge(photos, out, Maker("inv", 8, {}, invert), SMALL)
    journal = out / "forge-inv.jsonl"
    with journal.open("a") as file:
        file.write('{"path": "photos/half a li')
    before = journal.read_bytes()
    forge(photos, out, Maker("other", 8, {}, invert), SMALL)
    assert journal.read_bytes() == before
    assert len(rows_of(out)) == 12


def test_photos_of_many_sizes_do_not_pile_up(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for index in range(20):
        Image.fromarray(picture(index, 40 + 8 * index, 40)).save(root / f"{index:02d}.png")
    read_before_first: list[int] = []

    def counting(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        read_before_first.append(done[-1] if done else 0)
        return invert(pictures)

    done: list[int] = []
    config = ForgeConfig(longest=None, smallest=32, batch=2)
    result = forge(
        root,
        tmp_path / "out",
        Maker("inv", 8, {}, counting),
        config,
        progress=lambda now, _total: done.append(now),
    )
    assert result.made == 20
    assert read_before_first[0] < 8
    assert len(rows_of(tmp_path / "out")) == 40


def test_the_manifest_splits_as_training_does(tmp_path: Path) -> None:
    for index in range(12):
        (tmp_path / "photos" / "ab"[index % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(index, 40, 40)).save(tmp_path / "photos" / "ab"[index % 2] / f"{index}.png")
    config = ForgeConfig(longest=32, smallest=32, validation=0.4, hold_out=("a/*",))
    out = tmp_path / "out"
    forge(tmp_path / "photos", out, Maker("inv", 8, {}, invert), config)
    samples = read(out, "twins").samples
    parts = split(samples, {"train": 0.6, "validation": 0.4}, SPLIT_SEED, hold_out_sources=("a/*",))
    for part, members in parts.items():
        assert {s.path for s in members} == {s.path for s in read(out, "twins", split=part).samples}
    assert len(training_photos(tmp_path / "photos", 0.4, ("a/*",))) == len(parts["train"]) // 2


def test_another_setting_is_refused_in_the_same_place(photos: Path, tmp_path: Path) -> None:
    forge(photos, tmp_path / "out", Maker("inv", 8, {"seed": "0"}, invert), SMALL)
    with pytest.raises(DataError, match="choose another --out"):
        forge(photos, tmp_path / "out", Maker("inv", 8, {"seed": "1"}, invert), SMALL)
    with pytest.raises(DataError, match="choose another --out"):
        forge(photos, tmp_path / "out", Maker("inv", 8, {"seed": "0"}, invert), replace(SMALL, longest=136))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no image found"):
        forge(tmp_path / "empty", tmp_path / "o2", Maker("inv", 8, {}, invert))


@pytest.mark.parametrize(("latent", "bypass"), [(4, False), (16, False), (32, True)])
def test_every_member_of_the_family_loads_and_runs(tmp_path: Path, latent: int, bypass: bool) -> None:
    torch.manual_seed(0)
    model = TinyAutoencoder(latent, bypass=bypass).half()
    torch.save(model.encoder.state_dict(), tmp_path / "e.pth")
    torch.save(model.decoder.state_dict(), tmp_path / "d.pth")
    made = maker(tmp_path / "e.pth", tmp_path / "d.pth", name="m")
    assert set(made.parameters) == {"encoder", "decoder"}
    photo = picture(0, 64, 80)
    twin, again = made.make([photo, photo])
    assert np.array_equal(twin, again)
    assert twin.shape == photo.shape
    assert twin.dtype == np.uint8
    reference = model.float()(torch.from_numpy(photo).permute(2, 0, 1)[None] / 255)[0].permute(1, 2, 0)
    assert np.abs(twin - (reference * 255).round().detach().numpy()).max() <= 1


def test_halves_that_do_not_fit_are_named(tmp_path: Path) -> None:
    four, sixteen = TinyAutoencoder(4, bypass=False), TinyAutoencoder(16, bypass=False)
    torch.save(four.encoder.state_dict(), tmp_path / "e.pth")
    torch.save(sixteen.decoder.state_dict(), tmp_path / "d.pth")
    with pytest.raises(WeightsError, match="d.pth.*decoder.*4 latent channels"):
        TinyAutoencoder.load(tmp_path / "e.pth", tmp_path / "d.pth")
    torch.save({"x": torch.ones(1)}, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="not an encoder"):
        TinyAutoencoder.load(tmp_path / "x.pth", tmp_path / "d.pth")
    torch.save(four, tmp_path / "whole.pth")
    with pytest.raises(WeightsError, match="nothing else is unpickled"):
        TinyAutoencoder.load(tmp_path / "whole.pth", tmp_path / "d.pth")
    with pytest.raises(WeightsError, match="cannot be read"):
        TinyAutoencoder.load(tmp_path / "none.pth", tmp_path / "d.pth")


def test_twin_rounds_to_the_nearest_level() -> None:
    photo = picture(0, 16, 16)
    assert np.array_equal(batched(lambda images: images)([photo])[0], photo)
    assert np.array_equal(batched(lambda images: images + 0.4 / 255)([photo])[0], photo)


def test_matched_twins_have_their_photos_sharpness(photos: Path, tmp_path: Path) -> None:
    def blur(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.asarray(Image.fromarray(p).filter(ImageFilter.GaussianBlur(0.6))) for p in pictures]

    def sharpness(pixels: np.ndarray) -> float:
        return float(np.abs(np.diff(pixels.astype(float), axis=1)).mean())

    ratios = {}
    for share in (0.0, 1.0):
        out = tmp_path / str(share)
        config = replace(SMALL, preparation=Preparation(matched=share))
        forge(photos, out, Maker("blur", 8, {}, blur), config)
        rows = rows_of(out)
        assert [row["matched"] for row in rows] == [False, share > 0] * 3
        found = [
            sharpness(np.asarray(Image.open(out / row["path"]))) for row in rows if "b-png" in row["path"]
        ]
        ratios[share] = found[1] / found[0]
    assert ratios[0.0] < 0.7
    assert 0.9 < ratios[1.0] < 1.1
