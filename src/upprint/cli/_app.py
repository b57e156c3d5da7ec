"""The typer application. Command modules import nothing heavy at module level, so `--help` is quick."""

from __future__ import annotations

import pkgutil
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from upprint.result import UpprintError

app = typer.Typer(
    name="upprint",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console()
stderr = Console(stderr=True)

EXIT_OK, EXIT_FILES_FAILED, EXIT_USAGE = 0, 1, 2
"""Files with an error row, or a regression found, exit 1; wrong use and impossible requests exit 2."""


def command_line() -> str:
    """The call, for what is published: of absolute paths only the last name."""
    words = (Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:])
    return shlex.join(["upprint", *words])


def _version(asked: bool) -> None:
    if asked:
        from upprint import __version__

        console.print(f"upprint {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    _version_asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Tell generated images from camera-made ones by the print that up-sampling leaves."""


def _modules() -> list[str]:
    """The modules to import: the one of the command that is called, or all where none is recognised."""
    package = import_module("upprint.cli")
    names = [m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")]
    called = sys.argv[1].replace("-", "_") if len(sys.argv) > 1 else ""
    return [called] if called in names else names


def main() -> None:
    """Entry point: runs a command, turns an `UpprintError` into one readable line and exit code 2."""
    for name in _modules():
        import_module(f"upprint.cli.{name}")
    try:
        app()
    except UpprintError as error:
        stderr.print(f"[bold red]{type(error).__name__}[/]: ", end="")
        stderr.print(str(error), markup=False, highlight=False)
        sys.exit(EXIT_USAGE)
