from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from upprint.card import MapTest, Number
from upprint.cli import main
from upprint.runtime import store


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["upprint", "systems", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return stop.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture
def shipped(make_system, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that ships the tiny system and nothing else."""
    data = make_system.graph()
    number = Number("AUROC", 0.5, "coins", "none", "measured", 0.4, 0.6)
    tested = MapTest("cam", True, 0.75, 0.7, 0.8, 0.5, 0.51, 0.2, "collages", "0" * 64, "2026-11-20", "where")
    card = dataclasses.replace(
        make_system.card(data), numbers=(number,), limits=("[b]darkness[/b]",), maps=(tested,)
    )
    path = make_system.write_system(tmp_path, data, card)
    monkeypatch.setattr(store, "shipped", lambda: {"tiny": path.with_suffix(".json")})


@pytest.mark.usefixtures("shipped")
def test_the_list_names_what_scans_and_what_needs_weights(run) -> None:
    pytest.importorskip("torch")
    code, out, _ = run()
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert code == 0
    assert lines["tiny"].rstrip().endswith("yes")
    assert "Neighbouring" in lines["npr"]
    assert "needs" in lines["npr"]


@pytest.mark.usefixtures("shipped")
def test_without_torch_the_shipped_systems_remain(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, out, _ = run()
    assert code == 0
    assert "tiny" in out
    assert "upprint[train]" in out
    assert "Neighbouring" not in out


@pytest.mark.usefixtures("shipped")
def test_a_card_is_printed_whole(run) -> None:
    code, out, _ = run("tiny")
    text = " ".join(out.split())
    assert code == 0
    for words in (
        "tiny: Mean grey (2024)",
        "32² tiles at multiples of 8 pixels, 9 per picture; picture's logit is their mean",
        "0.01: 0.500, 0.001: 1.000 (rate: logit; default 0.01)",
        "from logit -0.500 up to the threshold",
        "[b]darkness[/b]",
        "AUROC 0.5 [0.4, 0.6]: coins, none (measured)",
    ):
        assert words in text


@pytest.mark.usefixtures("shipped")
def test_what_is_known_of_the_maps_is_printed(run) -> None:
    words = " ".join(run("tiny")[1].split())
    assert "cam beats chance: pixel AUROC 0.750 [0.700, 0.800]; collages (measured, 2026-11-20)" in words


@pytest.mark.usefixtures("shipped")
def test_an_unknown_name_is_met_with_near_ones(run) -> None:
    code, out, err = run("tinny")
    assert (code, out) == (2, "")
    assert "did you mean tiny?" in " ".join(err.split())
