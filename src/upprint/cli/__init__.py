"""The command line: each file parses one command's options, calls one function, prints."""

from upprint.cli._app import main

__all__ = ["main"]
