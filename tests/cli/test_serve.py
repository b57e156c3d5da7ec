"""`upprint serve`: what its options become, what it warns of, what it refuses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from upprint.cli import serve as command
from upprint.cli._app import app
from upprint.result import ConfigError, MissingExtra
from upprint.serve import run as module


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tiny: Path):
    """Calls the command with `run` replaced; returns its output and what `run` was called with."""
    assert command.app is app
    calls: list[dict[str, object]] = []
    monkeypatch.setattr(module, "run", lambda settings, **more: calls.append({"settings": settings, **more}))
    monkeypatch.setattr(module, "log_to_stderr", lambda: None)

    def call(*arguments: str) -> tuple[str, dict[str, object]]:
        result = CliRunner().invoke(app, ["serve", "--system", str(tiny), *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output, calls[-1]

    return call


def test_it_listens_on_this_machine_only_unless_told_otherwise(invoke) -> None:
    output, called = invoke()
    assert (called["host"], called["port"], called["key"], called["workers"]) == (
        "127.0.0.1",
        8000,
        None,
        None,
    )
    assert called["settings"].card.name == "tiny"
    assert "warning" not in output


def test_options_become_limits(invoke) -> None:
    options = (
        "--queue",
        "3",
        "--max-upload",
        "2MB",
        "--max-files",
        "7",
        "--max-pixels",
        "99",
        "--timeout",
        "1.5",
    )
    _, called = invoke(
        *options, "--workers", "4", "--fpr", "0.001", "--tiles", "all", "--allow-host", "a.example"
    )
    limits = called["limits"]
    assert (limits.waiting, limits.body, limits.files, limits.pixels, limits.seconds) == (
        3,
        2_000_000,
        7,
        99,
        1.5,
    )
    settings = called["settings"]
    assert (called["workers"], settings.fpr, settings.budget) == (4, "0.001", None)
    assert list(called["allow_hosts"]) == ["a.example"]


def test_other_addresses_without_a_key_are_warned_of(invoke, tmp_path: Path) -> None:
    output, _ = invoke("--host", "0.0.0.0")
    assert "warning: 0.0.0.0 can be reached from other machines" in " ".join(output.split())
    key = tmp_path / "key"
    key.write_text("k" * 32)
    key.chmod(0o600)
    output, called = invoke("--host", "0.0.0.0", "--api-key-file", str(key))
    assert "warning" not in output
    assert called["key"] == "k" * 32
    key.chmod(0o644)
    output, _ = invoke("--api-key-file", str(key))
    assert "chmod 600" in " ".join(output.split())
    assert "kkkk" not in output


def test_settings_that_make_no_sense_are_refused(invoke) -> None:
    for wrong in (("--max-upload", "many"), ("--timeout", "0"), ("--queue", "-1"), ("--max-pixels", "0")):
        with pytest.raises(ConfigError):
            invoke(*wrong)


def test_a_missing_extra_is_named(invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtra, match=r"upprint\[serve\]"):
        invoke()
