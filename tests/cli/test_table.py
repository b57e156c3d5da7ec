from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import upprint.cli.evaluate  # with a single command registered, typer would drop its name
import upprint.cli.table
from upprint.cli._app import app
from upprint.result import ConfigError, DataError

RUN = CliRunner()


def invoke(*arguments: str) -> str:
    outcome = RUN.invoke(app, ["table", *arguments], catch_exceptions=False)
    assert outcome.exit_code == 0
    return outcome.stdout


@pytest.mark.parametrize("number", range(1, 8))
def test_every_table_prints_in_every_form(number: int) -> None:
    for form in ("terminal", "markdown", "csv", "json"):
        assert "NPR" in invoke("npr", str(number), "--format", form) or number == 7
    content = json.loads(invoke("npr", str(number), "--format", "json"))
    assert content["table"] == number
    assert content["blocks"][0]["title"] == "reported (as printed)"
    assert content["blocks"][-1]["title"] == "measured here"


@pytest.mark.parametrize("number", range(1, 4))
def test_the_tables_of_re_synthesis(number: int) -> None:
    for form in ("terminal", "markdown", "csv"):
        assert "SR+D Stage5" in invoke("resynth", str(number), "--format", form)
    corrected = json.loads(invoke("resynth", str(number), "--format", "json"))["blocks"][1]
    assert corrected["title"] == "corrected"
    assert [len(corrected["rows"]), number] in ([8, 1], [1, 2], [1, 3])


def test_corrections_are_shown() -> None:
    assert "93.2/96.6" in invoke("npr", "2", "--format", "markdown")
    assert "| NPR (1) | 92.2 |" in invoke("npr", "6", "--format", "markdown")


def test_impossible_requests_say_what_is_missing(tmp_path) -> None:
    for arguments, error, message in [
        (["nope", "1"], ConfigError, "known: npr"),
        (["npr", "9"], ConfigError, "no table 9"),
        (["npr", "1", "--results", str(tmp_path / "none")], DataError, "expected a folder"),
        (["npr", "7", "--run"], ConfigError, "--data"),
        (["npr", "1", "--run", "--data", "d", "--out", "o"], ConfigError, "none to train"),
    ]:
        with pytest.raises(error, match=message):
            RUN.invoke(app, ["table", *arguments], catch_exceptions=False)


def test_both_commands_are_registered() -> None:
    commands = {c.callback for c in app.registered_commands}
    assert {upprint.cli.table.table, upprint.cli.evaluate.evaluate} <= commands
