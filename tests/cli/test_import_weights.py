"""`upprint import-weights`, as a user runs it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from upprint.checkpoints import load_detector
from upprint.cli import main
from upprint.systems import create


@pytest.fixture
def source(tmp_path: Path) -> Path:
    state = create("npr").network.state_dict()
    path = tmp_path / "NPR.pth"
    torch.save({"model": {f"module.{k}": v for k, v in state.items()}, "total_steps": 4}, path)
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Run a command line in tmp_path; returns exit code, output and error output."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["upprint", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, " ".join(printed.err.split())

    return call


def test_it_says_what_it_read_and_wrote(run, source: Path) -> None:
    code, out, _ = run("import-weights", "npr", source.name)
    assert code == 0
    for text in ("146 tensors", "'model'", "'module.'", "1,437,761", "total_steps", "the hash differs from"):
        assert text in out
    assert load_detector(source.parent / "npr-official.safetensors").card.name == "npr"


def test_nothing_is_replaced_unasked(run, source: Path) -> None:
    out = source.parent / "out.safetensors"
    out.write_text("mine")
    arguments = ["import-weights", "npr", source.name, "--out", out.name]
    code, _, complaint = run(*arguments)
    assert code == 2
    assert "ConfigError" in complaint
    assert "--force" in complaint
    assert out.read_text() == "mine"
    assert run(*arguments, "--force")[0] == 0
    assert load_detector(out)


@pytest.mark.parametrize(("system", "error"), [("nrp", "UnknownSystem"), ("npr", "WeightsError")])
def test_mistakes_are_one_line_and_exit_code_two(run, tmp_path: Path, system: str, error: str) -> None:
    code, _, complaint = run("import-weights", system, "none.pth")
    assert code == 2
    assert complaint.startswith(error)
    assert not list(tmp_path.iterdir())


def test_a_system_of_several_files_with_options(run, tmp_path: Path) -> None:
    donor = create("resynthesis", light=True, rdn=[4, 4, 1, 1])
    torch.save({"state_dict": donor.network.state_dict()}, tmp_path / "cls.pth.tar")
    torch.save(donor.representation.phi[0].state_dict(), tmp_path / "sr.pth")
    options = ("--option", "light=true", "--option", "rdn=[4, 4, 1, 1]", "--option", "branch=pixel")
    code, out, _ = run("import-weights", "resynthesis", "cls.pth.tar", "--beside", "sr.pth", *options)
    assert code == 0
    assert "and sr.pth, sha256" in out
    assert "negated" in out
    loaded = load_detector(tmp_path / "resynthesis-official.safetensors")
    assert torch.equal(loaded.network.fc.weight, -donor.network.fc.weight)
    for wrong in ("light", "light=true"):
        code, _, complaint = run(
            "import-weights", "resynthesis", "cls.pth.tar", *options, "--option", wrong, "--force"
        )
        assert code == 2
        assert "expected NAME=VALUE, every name once" in complaint
