import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from upprint.data.layouts import read
from upprint.data.report import Header, best_rule, describe, read_header


def save(path: Path, size: tuple[int, int], kind: str = "PNG", seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, kind)


def build(root: Path, real, fake) -> Path:
    """`real` and `fake` list (size, format) per file; all files are called .png whatever they hold."""
    for folder, files in (("0_real", real), ("1_fake", fake)):
        for index, (size, kind) in enumerate(files):
            save(root / folder / f"{index:03}.png", size, kind, index)
    return root


SQUARE, WIDE, TALL = (16, 16), (24, 16), (16, 24)
MIXED = [(size, kind) for size in (SQUARE, WIDE, TALL) for kind in ("PNG", "JPEG")] * 3


def test_counts_sizes_and_formats_by_content(tmp_path: Path) -> None:
    root = build(tmp_path, [(SQUARE, "JPEG")] * 3 + [(WIDE, "PNG")], MIXED[:4])
    report = describe(read(root, "plain"))
    real, fake = report.groups
    assert (real.label, real.files, real.formats) == (0, 4, {"JPEG": 3, "PNG": 1})
    assert real.sizes == {"16x16": 3, "24x16": 1}
    assert (real.min_size, real.max_size, real.median_pixels) == ("16x16", "24x16", 256.0)
    assert real.file_bytes == sum(p.stat().st_size for p in (root / "0_real").iterdir())
    assert (fake.label, fake.formats) == (1, {"JPEG": 2, "PNG": 2})


def test_a_clean_set_gives_no_warning(tmp_path: Path) -> None:
    report = describe(read(build(tmp_path, MIXED, MIXED), "plain"))
    assert report.warnings == ()
    assert report.leaks == ()


def test_a_planted_format_bias_is_found_with_its_number(tmp_path: Path) -> None:
    root = build(tmp_path, [(SQUARE, "JPEG")] * 9 + [(SQUARE, "PNG")], [(SQUARE, "PNG")] * 10)
    report = describe(read(root, "plain"))
    (leak,) = report.leaks
    assert leak.feature == "format"
    assert leak.accuracy == pytest.approx((9 / 10 + 1) / 2)
    assert "format alone separates the classes, balanced accuracy 0.950" in report.warnings[0]


def test_a_planted_size_bias_is_found_even_if_every_real_has_its_own_size(tmp_path: Path) -> None:
    sizes = [((20 + i, 30 + i), "PNG") for i in range(10)]
    report = describe(read(build(tmp_path, sizes, [(SQUARE, "PNG")] * 10), "plain"))
    assert [(leak.feature, leak.accuracy) for leak in report.leaks] == [("size", 1.0)]


def test_sizes_that_are_all_different_in_both_classes_are_no_leak(tmp_path: Path) -> None:
    real, fake = ([((20 + 2 * i + odd, 30), "PNG") for i in range(10)] for odd in (0, 1))
    assert describe(read(build(tmp_path, real, fake), "plain")).leaks == ()


def slow_rule(real: list[int], fake: list[int]) -> float:
    """The leave-one-out majority rule as one loop per file."""
    everything = real + fake
    fold = [[v if everything.count(v) > 1 else -1 for v in values] for values in (real, fake)]
    rights = []
    for own, other in (fold, fold[::-1]):
        right = 0.0
        for index, value in enumerate(own):
            rest = own[:index] + own[index + 1 :]
            mine = rest.count(value) / len(rest) if rest else 0.0
            theirs = other.count(value) / len(other)
            right += 1.0 if mine > theirs else 0.5 if mine == theirs else 0.0
        rights.append(right / len(own))
    return sum(rights) / 2


values = st.lists(st.integers(0, 4), min_size=1, max_size=12)


@given(values, values)
def test_best_rule_equals_the_loop(real: list[int], fake: list[int]) -> None:
    assert best_rule(real, fake) == pytest.approx(slow_rule(real, fake))
    assert best_rule(real, fake) == pytest.approx(best_rule(fake, real))


def test_best_rule_ends() -> None:
    assert best_rule("aaaa", "bbbb") == 1.0
    assert best_rule("aaaa", "aaaa") < 0.75
    assert best_rule("", "aaaa") == 0.5
    assert best_rule("a" * 90 + "b" * 10, "b" * 5 + "a" * 5) == pytest.approx((0.9 + 0.5) / 2)


def test_unequal_counts_are_stated(tmp_path: Path) -> None:
    report = describe(read(build(tmp_path, MIXED, MIXED[:12]), "plain"))
    (warning,) = report.warnings
    assert "18 real and 12 generated" in warning


def test_unreadable_files_are_counted_and_listed(tmp_path: Path) -> None:
    root = build(tmp_path, MIXED, MIXED)
    (root / "0_real" / "empty.png").touch()
    (root / "0_real" / "noise.jpg").write_bytes(b"\xff\xd8\xff" + bytes(40))
    (root / "1_fake" / "text.webp").write_text("no picture")
    report = describe(read(root, "plain"))
    assert [g.files for g in report.groups] == [20, 19]
    assert [len(g.unreadable) for g in report.groups] == [2, 1]
    assert any("empty.png" in line and "no known image format" in line for line in report.unreadable)
    assert any("noise.jpg" in line for line in report.unreadable)
    assert sum("cannot be read" in line for line in report.warnings) == 2


def test_shared_reals_are_stated_and_opened_once(grow, monkeypatch) -> None:
    root = grow({"laion/0_real": 3, "imagenet/0_real": 3})
    grow({f"{name}/1_fake": 3 for name in ("dalle", "ldm_100", "guided")})
    opened: list[str] = []

    def counted(path: str) -> Header | str:
        opened.append(path)
        return read_header(path)

    monkeypatch.setattr("upprint.data.report.read_header", counted)
    report = describe(read(root, "universalfakedetect"))
    assert report.warnings == ("3 real photos are shared by DALLE, LDM_100: these rows are not independent",)
    assert len(opened) == len(set(opened)) == 15
    assert [g.files for g in report.groups] == [3] * 6


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP", "AVIF"])
def test_header_of_each_format(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "misnamed.jpg"
    save(path, (24, 16), kind)
    assert read_header(str(path)) == Header(kind, 24, 16, path.stat().st_size)


def test_header_of_heif(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "a.heic"
    pillow_heif.from_pillow(Image.new("RGB", (64, 48))).save(path)
    assert read_header(str(path)) == Header("HEIF", 64, 48, path.stat().st_size)


def test_header_does_not_decode(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    save(path, (200, 200))
    path.write_bytes(path.read_bytes()[:2000])
    assert read_header(str(path)) == Header("PNG", 200, 200, 2000)
    assert "No such file" in str(read_header(str(tmp_path / "gone.png")))


def test_text_json_and_progress(tmp_path: Path) -> None:
    root = build(tmp_path, [(SQUARE, "JPEG")] * 4, [(WIDE, "PNG")] * 4)
    (root / "notes.txt").write_text("x")
    calls: list[tuple[int, int | None]] = []
    report = describe(read(root, "plain"), lambda done, total: calls.append((done, total)))
    assert calls == [(i, 8) for i in range(1, 9)]
    text = report.to_text()
    assert "JPEG 4" in text
    assert "warning: " in text
    assert "not read: .: 1 file" in text
    loaded = json.loads(report.to_json())
    assert [g["formats"] for g in loaded["groups"]] == [{"JPEG": 4}, {"PNG": 4}]
    assert {leak["feature"] for leak in loaded["leaks"]} == {"format", "size"}
    assert loaded["protocol"] == "tiles"


def test_odd_names_reach_any_terminal(grow) -> None:
    odd = "line\nbreak\udcff"
    report = describe(read(grow({f"{odd}/0_real": 1, f"{odd}/1_fake": 1, f"{odd}/{odd}": 0}), "plain"))
    text = report.to_text()
    assert r"line\nbreak\udcff" in text
    assert text.encode("utf-8").count(b"\n") == 2 + 2 + 1
    loaded = json.loads(report.to_json().encode("utf-8"))
    assert {g["subset"] for g in loaded["groups"]} == {odd}
