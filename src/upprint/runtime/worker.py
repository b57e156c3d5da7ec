"""A scan worker: one process that scores one file at a time.

`pool.py` starts it with plain `python -c` and speaks JSON lines over its standard input and output,
so the caller's `__main__` is never imported a second time: a script that calls `scan` needs no
`if __name__ == "__main__"` guard. It ends when its input ends, so it cannot outlive the scan.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from upprint.result import ScanResult
from upprint.runtime.rows import guarded, to_line

Factory = Callable[..., Callable[[str], ScanResult]]


def main() -> None:
    """Read {"factory", "arguments", "system"}, answer {"ready": true}, then one row per path."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
    os.dup2(2, 1)  # whatever a decoder prints must not mix with the answers
    start = json.loads(sys.stdin.buffer.readline())
    try:
        score = _factory(start["factory"])(**start["arguments"])
    except Exception as error:  # told to the parent, which raises it there
        _send(answers, json.dumps({"failed": type(error).__name__, "message": str(error)}) + "\n")
        return
    _send(answers, json.dumps({"ready": True}) + "\n")
    for line in sys.stdin.buffer:
        _send(answers, to_line(guarded(score, json.loads(line), start["system"])))


def _factory(text: str) -> Factory:
    module, _, name = text.partition(":")
    factory: Factory = getattr(import_module(module), name)
    return factory


def _send(answers: Any, line: str) -> None:
    try:
        answers.write(line)
        answers.flush()
    except BrokenPipeError:
        os._exit(1)  # the parent was killed; nobody is left to tell
