from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import upprint
from upprint import images
from upprint.result import CardError, ConfigError, UnknownSystem, WeightsError
from upprint.runtime import scan as scan_module
from upprint.runtime.scan import AHEAD, FEW, available_cores, scan, scan_files
from upprint.runtime.settings import Settings


def test_one_row_per_file_in_order_whatever_the_workers(tiny: Path, pictures: Path) -> None:
    one = list(scan([pictures], system=tiny, workers=1))
    two = list(scan([pictures], system=tiny, workers=2))
    auto = list(scan([pictures], system=tiny))
    assert one == two == auto
    assert [row.path for row in one] == [str(path) for path in sorted(pictures.iterdir())]
    assert len(one) == 43 > FEW
    errors = {Path(row.path).name: row.error.partition(":")[0] for row in one if row.error is not None}
    assert errors == {
        "005-empty.png": "EmptyFile",
        "015-random.jpg": "NotAnImage",
        "025-cut.png": "CorruptImage",
    }
    assert {str(row.verdict) for row in one if row.error is None} == {
        "generated",
        "inconclusive",
        "no trace found",
    }


def test_a_row_is_what_the_scorer_says(tiny: Path, pictures: Path) -> None:
    scorer = upprint.load(tiny, fpr="0.001", tiles="all")
    rows = [
        row for row in upprint.scan(str(pictures), system=tiny, fpr=0.001, tiles="all") if row.error is None
    ]
    assert rows == [scorer(row.path) for row in rows]
    assert len(rows) == 40


def test_skip_and_missing_files(tiny: Path, pictures: Path) -> None:
    wanted = [pictures / "000.jpg", pictures / "gone.jpg", pictures / "001.png"]
    rows = list(scan(wanted, system=tiny, skip={str(wanted[0])}))
    assert [row.path for row in rows] == [str(wanted[1]), str(wanted[2])]
    assert rows[0].error is not None
    assert rows[0].error.startswith("UnreadableFile")


def test_a_pixel_limit_makes_rows(tiny: Path, pictures: Path) -> None:
    rows = list(scan(pictures, system=tiny, max_pixels=20 * 20, workers=2))
    assert sum("ImageTooLarge" in (row.error or "") for row in rows) >= 39


def test_whatever_a_file_raises_becomes_its_row(
    tiny: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = images.decode

    def sometimes(path: str, *, max_pixels: int) -> images.DecodedImage:
        if path.endswith("003.png"):
            raise ZeroDivisionError("a decoder's own mistake")
        return decode(path, max_pixels=max_pixels)

    monkeypatch.setattr(images, "decode", sometimes)
    rows = {Path(row.path).name: row for row in scan(pictures, system=tiny, workers=1)}
    assert len(rows) == 43
    assert rows["003.png"].error == "ZeroDivisionError: a decoder's own mistake"
    assert rows["004.jpg"].error is None


def test_wrong_settings_raise_before_any_file_is_touched(tiny: Path, pictures: Path) -> None:
    for wrong, error in (
        ({"fpr": "0.3"}, ConfigError),
        ({"tiles": 0}, ConfigError),
        ({"workers": 0}, ConfigError),
        ({"engine": "none"}, ConfigError),
        ({"max_pixels": 0}, ConfigError),
        ({"system": "none"}, UnknownSystem),
    ):
        with pytest.raises(error):
            scan([pictures], **{"system": tiny, **wrong})
    tiny.write_bytes(b"changed")
    for workers in (1, 2):
        with pytest.raises(WeightsError, match="SHA-256"):
            scan([pictures], system=tiny, workers=workers)
    tiny.with_suffix(".json").write_text("{}")
    with pytest.raises(CardError):
        scan([pictures], system=tiny)


def test_a_graph_that_does_not_fit_raises_from_the_workers_too(
    make_system, tmp_path: Path, pictures: Path
) -> None:
    data = make_system.graph(input_name="pixels")
    path = make_system.write_system(tmp_path / "misfit", data, make_system.card(data))
    with pytest.raises(WeightsError, match="inputs are pixels"):
        next(scan([pictures], system=path, workers=2))


@pytest.mark.parametrize(("workers", "bound"), [(1, AHEAD + 1), (2, 32)])
def test_files_in_flight_are_bounded(tiny: Path, pictures: Path, workers: int, bound: int) -> None:
    taken, given = 0, str(pictures / "000.jpg")

    def endless() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield given

    rows = scan_files(Settings.resolve(tiny), endless(), workers=workers)
    for done in range(100):
        assert taken - done <= bound
        next(rows)
    rows.close()


def test_large_pictures_are_let_go_before_they_wait(tiny: Path) -> None:
    scorer = upprint.load(tiny)
    pixels = np.zeros((400, 400, 3), np.uint8)
    prepared = scorer.prepare(images.as_pixels(pixels), "x")
    batches = list(prepared.batches)
    assert sum(len(batch) for batch in batches) == 9
    assert not any(np.shares_memory(batch, pixels) for batch in batches)
    assert isinstance(prepared.batches, list)
    whole = upprint.load(tiny, tiles="all").prepare(images.as_pixels(pixels), "x")
    assert not isinstance(whole.batches, list)


def test_few_files_stay_in_this_process(tiny: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    monkeypatch.setattr(scan_module, "_in_processes", lambda _, __, workers: used.append(workers) or iter(()))
    monkeypatch.setattr(scan_module, "available_cores", lambda: 5)
    files = sorted(map(str, pictures.iterdir()))
    assert len(list(scan(files[:FEW], system=tiny))) == FEW
    assert used == []
    scan(files[: FEW + 1], system=tiny)
    assert used == [5]
    monkeypatch.setattr(scan_module, "available_cores", lambda: 1)
    assert len(list(scan(files[: FEW + 1], system=tiny))) == FEW + 1


def test_cores_are_those_of_this_process() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_a_script_needs_no_main_guard(tiny: Path, pictures: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import upprint\n"
        f"rows = list(upprint.scan([{str(pictures)!r}], system={str(tiny)!r}, workers=2))\n"
        "print('rows', len(rows))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "rows 43\n"
