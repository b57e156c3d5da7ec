"""The scan's `provenance` column."""

import subprocess
import sys

import pytest

import upprint
from upprint import images


@pytest.fixture
def folder(make, tmp_path):
    made = tmp_path / "pictures"
    made.mkdir()
    (made / "a.jpg").write_bytes(make.image("JPEG", exif=make.exif(Make="Canon", Model="R5")))
    (made / "b.png").write_bytes(make.image("PNG"))
    (made / "c.jpg").write_bytes(make.image("JPEG", xmp=make.generated_xmp()))
    (made / "d.jpg").write_bytes(b"nothing")
    return made


EXPECTED = [
    "camera: Canon R5 (EXIF)",
    None,
    "generated: trainedAlgorithmicMedia (made by generative AI) (XMP)",
    None,
]


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_carry_it(tiny, folder, workers):
    assert [row.provenance for row in upprint.scan(folder, system=tiny, workers=workers)] == EXPECTED


def test_a_scorer_gives_it_for_files_and_bytes(tiny, folder, make):
    score = upprint.load(tiny)
    path = folder / "a.jpg"
    assert score(path).provenance == score(path.read_bytes()).provenance == EXPECTED[0]
    assert score(make.pixels()).provenance is None


def test_it_changes_nothing_else(tiny, folder, make):
    """The same pixels with and without statements score the same."""
    score = upprint.load(tiny)
    bare, told = score(make.image("PNG")), score(make.image("PNG", exif=make.exif(Software="Midjourney")))
    assert bare.provenance is None
    assert told.provenance == "generated: Midjourney (EXIF software)"
    names = set(bare.row()) - {"provenance", "sha256"}
    assert {name: bare.row()[name] for name in names} == {name: told.row()[name] for name in names}


def test_a_file_is_read_once(tiny, folder, monkeypatch):
    read = []
    original = images._read
    monkeypatch.setattr(images, "_read", lambda name: read.append(name) or original(name))
    assert len(list(upprint.scan(folder, system=tiny, workers=1))) == 4
    assert len(read) == 4


def test_the_library_for_manifests_is_loaded_only_for_manifests():
    code = "import sys, upprint.provenance; print('c2pa' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
