import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.audit import features
from upprint.audit.header import profile_name
from upprint.result import ResumeError


@pytest.fixture
def folder(tmp_path: Path, sets) -> list[str]:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[271], exif[306] = "Maker", "2024:01:01 00:00:00"
    files = {
        "a.jpg": sets.jpeg(sets.picture(rng), quality=80, exif=exif.tobytes(), dpi=(72, 72)),
        "b.png": sets.png(sets.picture(rng, 40, 24)),
        "c.png": sets.saved(sets.picture(rng).convert("LA"), "PNG"),
        "empty.png": b"",
        "cut.png": sets.png(sets.picture(rng))[:400],
        "text.jpg": b"no picture at all",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return [str(tmp_path / name) for name in files] + [str(tmp_path / "gone.png")]


def test_what_is_measured(folder: list[str]) -> None:
    found = features.collect([*folder, folder[0]], workers=2)
    assert list(found) == folder
    photo = found[folder[0]]
    assert (photo.format, photo.width, photo.height) == ("JPEG", 96, 96)
    assert photo.header is not None
    assert (photo.header.quality, photo.header.tables, photo.header.subsampling) == (
        80,
        "IJG quality 80",
        "4:2:0",
    )
    assert (photo.header.exif, photo.header.dpi, photo.header.icc) == (("camera", "date"), "72 x 72", "none")
    assert photo.pixels is not None
    assert photo.pixels.comb_quality == pytest.approx(80, abs=3)
    small = found[folder[1]]
    assert small.pixels is not None
    assert small.pixels.comb is None
    grey = found[folder[2]]
    assert grey.header is not None
    assert grey.pixels is not None
    assert (grey.header.mode, grey.pixels.grey, grey.header.quality) == ("LA", True, None)


def test_hostile_files_become_rows_with_their_reason(folder: list[str]) -> None:
    found = features.collect(folder, workers=2)
    reasons = [found[path].error or "" for path in folder[3:]]
    kinds = ["EmptyFile", "CorruptImage", "NotAnImage", "UnreadableFile"]
    assert [reason.partition(":")[0] for reason in reasons] == kinds


def test_a_journal_is_continued_and_changed_files_are_measured_again(
    folder: list[str], tmp_path: Path, monkeypatch, sets
) -> None:
    journal = tmp_path / "out" / "features.jsonl"
    whole = features.collect(folder, journal=journal, workers=1)
    with pytest.raises(ResumeError, match="--resume"):
        features.collect(folder, journal=journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + len(folder)
    journal.write_bytes(b"".join(lines[:4]) + lines[4][:30])  # killed within a row
    Path(folder[1]).write_bytes(sets.png(sets.picture(np.random.default_rng(9))))
    measured: list[str] = []
    original = features.measure
    monkeypatch.setattr(features, "measure", lambda path: measured.append(path) or original(path))
    again = features.collect(folder, journal=journal, resume=True, workers=1)
    assert measured == [folder[1], *folder[3:]]
    assert again[folder[0]] == whole[folder[0]]
    assert again[folder[1]].width == 96
    for line in journal.read_text().splitlines():
        json.loads(line)


def test_another_files_journal_is_refused(folder: list[str], tmp_path: Path) -> None:
    journal = tmp_path / "j.jsonl"
    journal.write_text('{"other": 1}\n')
    with pytest.raises(ResumeError, match="not a journal"):
        features.collect(folder, journal=journal, resume=True)
    journal.write_text("no json\n")
    with pytest.raises(ResumeError, match="cannot be continued"):
        features.collect(folder, journal=journal, resume=True)


def test_profile_names() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    assert "sRGB" in profile_name(profile.tobytes())
    assert profile_name(None) == profile_name(b"") == "none"
    assert profile_name(b"short").startswith("profile ")
