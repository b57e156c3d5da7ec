from __future__ import annotations

from dataclasses import replace

import pytest

from upprint.card import Calibration, MapTest, SystemCard, Weights
from upprint.explain import words
from upprint.result import Verdict

SCALE = Calibration(1.0, 0.0, {"0.01": 2.0}, "0.01", 0.0, 1234, "photos")
CARD = SystemCard(
    name="s",
    title="S",
    paper="none",
    year=2024,
    faithful=False,
    idea="none",
    parameters=1,
    weights=Weights("s.onnx", "ab", "", "", "", "", ""),
    maps=(MapTest("cam", True, 0.71, 0.68, 0.74, 0.55, 0.5, 0.2, "64 photos", "ab", "2026-01-02", "c"),),
)


def test_a_threshold_set_on_photos_and_one_with_a_promise_read_differently() -> None:
    told = words.meaning(Verdict.GENERATED, SCALE, "0.01").means
    assert told.endswith("About 1 in 100 of the 1,234 camera-made pictures that it was set on reach it too.")
    told = words.meaning(Verdict.GENERATED, replace(SCALE, confidence=0.95), "0.01").means
    assert told.endswith(
        "At most 1 in 100 photos like the 1,234 camera-made pictures that it was set on reach it, "
        "with 95 % confidence."
    )


def test_rates_in_words() -> None:
    assert [words.rate(text) for text in ("0.01", "0.001", "0.15", "0.03")] == [
        "About 1 in 100",
        "About 1 in 1,000",
        "About 1 in 6.7",
        "About 1 in 33",
    ]
    assert words.kept_rate(SCALE, "0.01") == "About 1 in 100"
    sure = replace(SCALE, confidence=0.9)
    assert words.kept_rate(sure, "0.01") == "At most 1 in 100, with 90 % confidence"


@pytest.mark.parametrize(
    ("name", "beats", "digest", "start"),
    [
        (
            "cam",
            True,
            "ab",
            "In our test this map found generated regions better than chance: pixel AUROC 0.71",
        ),
        ("cam", False, "ab", "This map did not beat chance in our test: pixel AUROC 0.71 [0.68, 0.74]"),
        ("tile_cam", True, "ab", "This map was not tested"),
        ("cam", True, "cd", "This map was not tested"),
    ],
)
def test_maps_are_labelled_by_their_test(name: str, beats: bool, digest: str, start: str) -> None:
    card = replace(CARD, maps=(replace(CARD.maps[0], beats_chance=beats, weights_sha256=digest),))
    assert words.map_test(card, name).startswith(start)
