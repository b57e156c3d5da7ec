"""Generated pages are fresh, and hand-written reference agrees with the code."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from upprint import result
from upprint.card import Calibration
from upprint.perturb import KINDS, parse
from upprint.result import ImageError, ScanResult, UpprintError

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


sys.path.append(str(ROOT / "scripts"))  # scripts may share modules, as when they are run


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def first_column(text: str, heading: str) -> list[str]:
    """Code in the first column of the table whose first heading is `heading`."""
    table = re.search(rf"^\| {heading} \|.*\n\| ---.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None, heading
    return [cell for line in table[1].splitlines() for cell in re.findall(r"`([^`]+)`", line.split(" | ")[0])]


@pytest.mark.parametrize("name", ["cli_reference", "paper_tables", "system_pages"])
def test_generated_pages_are_fresh(name: str) -> None:
    command = [sys.executable, ROOT / "scripts" / f"{name}.py", "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_tables_are_what_the_command_prints() -> None:
    from upprint.cli._app import app

    importlib.import_module("upprint.cli.table")
    module = script("paper_tables")
    arguments = ["table", "npr", "1", "--results", str(ROOT / "results"), "--format", "markdown"]
    printed = CliRunner().invoke(app, arguments).output
    assert read("tables/npr-1.md") == module._page(printed, "upprint table npr 1 --results results")
    assert "| NPR | 99.8/100.0 |" in read("tables/npr-1.md")


def test_tables_with_numbers_stay() -> None:
    page = script("paper_tables")._page
    head = "## T\n\n### Measured here\n\n| System | A | B |\n| --- | ---: | ---: |\n"
    assert "Nothing yet." in page(head + "| x | – | – |\n| y | – | – |\n", "c")
    assert "| y | – | 1.0 |" in page(head + "| x | – | – |\n| y | – | 1.0 |\n", "c")


def test_every_command_and_option_is_in_the_reference() -> None:
    module, text = script("cli_reference"), read("reference/cli.md")
    for name, command in module.commands().items():
        section = text.partition(f"## upprint {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            if parameter.param_type_name == "option" and "--help" not in parameter.opts:
                assert f"`{parameter.opts[0]}`" in section


def test_row_columns() -> None:
    assert first_column(read("reference/rows.md"), "column") == list(ScanResult.columns())


def test_row_errors() -> None:
    named = {cls.__name__ for cls in ImageError.__subclasses__()}
    assert set(first_column(read("reference/rows.md"), "class")) == named


def test_error_tree() -> None:
    classes = {
        name
        for name, value in vars(result).items()
        if isinstance(value, type) and issubclass(value, UpprintError)
    }
    tree = re.search(r"```text\n(UpprintError.*?)```", read("reference/python.md"), re.DOTALL)
    assert tree is not None
    assert set(re.findall(r"\w+", tree[1])) == classes


def test_warnings_about_the_shipped_weights_hold() -> None:
    """What pages say of the weights in words follows from the card; better weights need other words."""
    from upprint.runtime.store import find

    card = find("npr")[1]
    worst = min(number.value for number in card.numbers if number.metric == "auroc")
    found = max(number.value for number in card.numbers if number.metric == "tpr_at_1_fpr")
    assert card.calibration is not None
    for name in ("index.md", "limits.md", "tutorials/fact-checker.md"):
        text = " ".join(read(name).split())
        assert ("worse than chance" in text) <= (worst < 0.5)
        assert ("miss most generated pictures" in text) == (found < 0.5)
        assert ("a few hundred photos or fewer" in text) <= (card.calibration.photos < 500)


def test_perturbations() -> None:
    text = read("reference/perturbations.md")
    shown = first_column(text, "step")
    assert {step.partition("(")[0] for step in shown} == set(KINDS)
    for example in re.findall(r"`([^`\n]*\([0-9][^`\n]*)`", text):
        parse(example)


def test_calibration_keys() -> None:
    import json

    blocks = re.findall(r"```json\n(\{\n.*?\n\})\n```", read("reference/files.md"), re.DOTALL)
    assert [set(json.loads(block)) for block in blocks] == [{f.name for f in fields(Calibration)}]


def test_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(first_column(read("index.md"), "extra")) == set(project["optional-dependencies"]) - {"dev"}


def test_service_limits() -> None:
    """The defaults on the page are those of the command."""
    serve = script("cli_reference").commands()["serve"]
    defaults = {p.opts[0]: p.default for p in serve.params}
    rows = dict(re.findall(r"^\| `(--[a-z-]+)` \| ([^|]+) \|", read("howto/service.md"), re.MULTILINE))
    shown = {name: re.sub(r"[, ]|s$", "", text) for name, text in rows.items() if text != "one per core"}
    assert set(rows) <= set(defaults)
    for name, text in shown.items():
        assert text in (
            str(defaults[name]),
            f"{defaults[name]:g}" if isinstance(defaults[name], float) else "",
        )
