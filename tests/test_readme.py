"""What the README promises is what the repository does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_readmes_test_command() -> None:
    command = next(line.strip() for line in README.splitlines() if line.strip().endswith("-m pytest -n 2"))
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert command.removeprefix("python3 ") in script
    assert command in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_numbers_are_those_of_the_card() -> None:
    subprocess.run([sys.executable, ROOT / "scripts" / "readme_numbers.py", "--check"], check=True)


def test_the_python_example_runs() -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    command = [sys.executable, "-c", code[1]]
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert len(result.stdout.splitlines()) == 7, "six examples and one verdict"


def test_the_first_command_scans_the_examples() -> None:
    command = [sys.executable, "-m", "upprint", "scan", "examples"]
    result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 6


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^    upprint ([a-z-]+)", README, re.MULTILINE))))
def test_every_command_exists(command: str) -> None:
    from importlib import import_module

    from upprint.cli._app import app

    import_module(f"upprint.cli.{command.replace('-', '_')}")
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_every_option_in_the_readme_exists() -> None:
    from importlib import import_module

    from upprint.cli._app import app

    for command, rest in re.findall(r"^    upprint ([a-z-]+)([^\n#]*)", README, re.MULTILINE):
        import_module(f"upprint.cli.{command.replace('-', '_')}")
        text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in text, f"upprint {command} {option}"
