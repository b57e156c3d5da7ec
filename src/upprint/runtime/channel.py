"""What the two ends of a worker process share: how it is started, answers, and is mourned.

The caller starts plain `python -c` and speaks JSON lines over its standard input and output, so its own
`__main__` is never imported a second time: a script that calls `scan` needs no `if __name__ == "__main__"`
guard. `pool.py` and `worker.py` are the ends of a scan, `serve/workers.py` and `serve/worker.py` those of
the service.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, BinaryIO

from upprint.result import (
    CardError,
    ConfigError,
    UnknownSystem,
    UpprintError,
    WeightsError,
    WorkerLost,
)

_TOLD = {kind.__name__: kind for kind in (CardError, ConfigError, UnknownSystem, WeightsError)}


def program(module: str) -> str:
    """What `python -c` runs: `module.main`, on the caller's sys.path, which is the first line it reads."""
    return (  # Ctrl-C reaches all processes; what becomes of it is the caller's to decide
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
        "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
        f"from {module} import main; main()"
    )


def open_answers() -> BinaryIO:
    """The worker's way back; whatever a decoder prints goes to standard error and cannot mix with it."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def begin(answers: BinaryIO) -> tuple[dict[str, Any], Callable[..., Any] | None]:
    """Read {"factory": "module:function", "arguments", ...}, build, and answer whether that went well.

    Returns:
        What was read, and what the factory made; None where it failed, which the caller has been told.
    """
    start: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    module, _, name = start["factory"].partition(":")
    try:
        score: Callable[..., Any] = getattr(import_module(module), name)(**start["arguments"])
    except Exception as error:  # told to the caller, which raises it there
        send(answers, json.dumps({"failed": type(error).__name__, "message": str(error)}) + "\n")
        return start, None
    send(answers, json.dumps({"ready": True}) + "\n")
    return start, score


def send(answers: BinaryIO, line: str) -> None:
    """One line back; with nobody left to read it, the worker ends."""
    try:
        answers.write(line.encode("ascii"))
    except BrokenPipeError:
        os._exit(1)


def check_begun(answer: Mapping[str, str]) -> None:
    """The caller's side of `begin`: raise here what went wrong there."""
    if "failed" in answer:
        kind, message = _TOLD.get(answer["failed"]), answer["message"]
        raise kind(message) if kind else UpprintError(f"{answer['failed']}: {message}")


def lost(path: str, cause: str) -> WorkerLost:
    """The error of a file whose second worker died too."""
    return WorkerLost(
        path,
        f"the process that read it died twice ({cause})",
        "a file that can be read within the memory of this machine",
        "look at the file apart; a signal 9 usually means that memory ran out",
    )
