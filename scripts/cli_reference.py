"""Write docs/reference/cli.md from the commands themselves.

python scripts/cli_reference.py            # rewrite
python scripts/cli_reference.py --check    # exit 1 if stale
"""

from __future__ import annotations

import argparse
import inspect
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "cli.md"
_KINDS = {"str": "text", "int": "whole number", "int range": "whole number", "float": "number"}
INTRODUCTION = """\
<!-- Made by `python scripts/cli_reference.py` from the commands. Do not edit by hand. -->

# Command line

`upprint COMMAND --help` prints the same. Exit codes of all commands: 0, done; 1, done, but files could not be
read or scored; 2, the request itself was wrong; 130, interrupted.

"""


def commands() -> dict[str, Any]:
    """Every command by name, in the order of the alphabet."""
    package = import_module("upprint.cli")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            import_module(f"upprint.cli.{module.name}")
    group: Any = typer.main.get_command(import_module("upprint.cli._app").app)
    return dict(sorted(group.commands.items()))


def page() -> str:
    return INTRODUCTION + "\n".join(section(name, command) for name, command in commands().items())


def section(name: str, command: Any) -> str:
    """One command: usage, what it does, its arguments and options."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and "--help" not in p.opts]
    usage = " ".join(
        ["upprint", name, *(_in_usage(a) for a in arguments), *(["[OPTIONS]"] if options else [])]
    )
    parts = [f"## upprint {name}\n", inspect.cleandoc(command.help) + "\n", f"```text\n{usage}\n```\n"]
    if arguments:
        rows = [f"| `{_metavar(a)}` | {_help(a)} |" for a in arguments]
        parts.append("\n".join(["| argument | what it is |", "| --- | --- |", *rows]) + "\n")
    if options:
        rows = [f"| {_names(o)} | {_kind(o)} | {_help(o)}{_default(o)} |" for o in options]
        parts.append("\n".join(["| option | value | what it does |", "| --- | --- | --- |", *rows]) + "\n")
    return "\n".join(parts)


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _in_usage(argument: Any) -> str:
    return _metavar(argument) if argument.required else f"[{_metavar(argument)}]"


def _names(option: Any) -> str:
    return ", ".join(f"`{name}`" for name in option.opts)


def _kind(option: Any) -> str:
    if option.is_flag:
        return ""
    choices = getattr(option.type, "choices", None)
    if choices:
        return ", ".join(f"`{getattr(choice, 'value', choice)}`" for choice in choices)
    kind = _KINDS.get(option.type.name, option.type.name)
    return f"{kind}, repeatable" if option.multiple else str(kind)


def _default(option: Any) -> str:
    if option.is_flag or option.default is None or option.default == []:
        return ""
    value = getattr(option.default, "value", option.default)
    return f" Default: `{value}`." if str(value) else ""


def _help(parameter: Any) -> str:
    return str(parameter.help or "").replace("|", "\\|")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write docs/reference/cli.md from the commands.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is stale")
    if parser.parse_args().check:
        fresh = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page()
        sys.exit(0 if fresh else f"{PAGE.name} is stale: run python scripts/cli_reference.py")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
