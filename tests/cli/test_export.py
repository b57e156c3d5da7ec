"""`upprint export`, as a user runs it."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from upprint.card import Calibration, SystemCard
from upprint.checkpoints import save_safetensors
from upprint.cli import main
from upprint.systems import create


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["upprint", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_weights_become_a_graph_and_a_card(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    texts = {"trained_on": "nothing", "command": "none", "licence": "Apache-2.0"}
    digest = save_safetensors(create("npr"), "w.safetensors", texts)
    calibration = Calibration(2.0, 0.5, {"0.01": 1.0}, "0.01", -1.0, 10, "made up")
    card = replace(create("npr").card, calibration=calibration, title="mine")
    Path("c.json").write_text(card.to_json(), encoding="utf-8")
    line = "export w.safetensors --out made --name net --card c.json --tile 64 --sha256"
    assert run(monkeypatch, *line.split(), digest) == 0
    out = capsys.readouterr().out
    assert "parity" in out
    assert "25 Conv" in out
    written = SystemCard.read(Path("made/net.json"))
    assert (written.title, written.calibration, written.input.tile) == ("mine", calibration, 64)
    assert written.weights is not None
    assert written.weights.onnx == "net.onnx"
    assert written.weights.onnx_sha256 == hashlib.sha256(Path("made/net.onnx").read_bytes()).hexdigest()
    assert (written.weights.safetensors, written.weights.safetensors_sha256) == ("w.safetensors", digest)
    assert (written.weights.trained_on, written.weights.command) == ("nothing", "none")
    assert written.weights.onnx_sha256 in out
    before = Path("made/net.json").read_bytes()
    assert run(monkeypatch, "export", "w.safetensors", "--out", "made", "--name", "net") == 2
    assert "--force" in capsys.readouterr().err
    assert Path("made/net.json").read_bytes() == before


def test_a_wrong_hash_stops_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    save_safetensors(create("npr"), "w.safetensors", {})
    assert run(monkeypatch, "export", "w.safetensors", "--out", "made", "--sha256", "00") == 2
    assert "WeightsError" in capsys.readouterr().err
    assert not Path("made").exists()
