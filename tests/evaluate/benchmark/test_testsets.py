from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from upprint.data.sample import GENERATED, REAL
from upprint.evaluate.benchmark.config import BenchmarkConfig, EvaluationConfig
from upprint.evaluate.benchmark.testsets import SHARED, read
from upprint.result import DataError


def test_folders_of_generated_pictures_share_the_photos(made: BenchmarkConfig) -> None:
    found = read("made", made.tests["made"])
    assert [(s.subset, s.label, s.source) for s in found.samples] == [
        (SHARED, REAL, "kept/a.png"),
        (SHARED, REAL, "kept/b.png"),
        ("x", GENERATED, "x/1.png"),
        ("x", GENERATED, "x/2.png"),
        ("y", GENERATED, "y/1.png"),
    ]
    assert found.data == "2 generators against 2 photos, both classes jpeg(90)"
    assert found.protocol.name == "tiles"


def test_at_most_so_many_sources_in_each_subset_and_pairs_stay_whole(made: BenchmarkConfig) -> None:
    found = read("others", made.tests["others"])
    for subset in ("bilinear", "null"):
        part = [s for s in found.samples if s.subset == subset]
        assert len({s.source for s in part}) == 6
        assert sorted(s.label for s in part) == [REAL] * 6 + [GENERATED] * 6
    assert found.samples == read("others", made.tests["others"]).samples


def test_photos_alone_are_a_test(made: BenchmarkConfig) -> None:
    alone = replace(made.tests["made"], generated="", perturbation="")
    found = read("made", alone)
    assert {s.label for s in found.samples} == {REAL}
    assert found.data == "2 photos, as they come"


def test_a_data_set_brings_its_own_protocol(made: BenchmarkConfig) -> None:
    one = made.tests["others"]
    assert read("o", one).protocol.name == "tiles"
    assert read("o", replace(one, protocol="npr-resize256")).protocol.name == "npr-resize256"


def test_nothing_there_is_said(made: BenchmarkConfig, tmp_path: Path) -> None:
    one = made.tests["made"]
    with pytest.raises(DataError, match="no picture of the sources nowhere"):
        read("made", replace(one, sources=("nowhere/*",)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="one folder of pictures per generator"):
        read("made", replace(one, generated=str(tmp_path / "empty")))
    with pytest.raises(DataError, match="one folder of pictures per generator"):
        read("made", EvaluationConfig("T", photos=one.photos, generated=str(tmp_path / "gone")))
