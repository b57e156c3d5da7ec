"""A service worker: one process that scores one picture at a time, from bytes that it is sent.

`workers.py` starts it with plain `python -c`. A question is one line of JSON, {"name", "bytes"}, and that
many bytes; an answer is one row as a line of JSON. It ends when its input ends. Nothing touches a disk.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from upprint import images
from upprint.result import ScanResult
from upprint.runtime.rows import guarded, to_line
from upprint.runtime.settings import Settings

GRACE = 5.0
"""Seconds after the time limit at which a worker ends itself, should nobody be left to end it."""

Score = Callable[[bytes, str], ScanResult]


def main() -> None:
    """Read {"factory", "arguments", "system", "seconds"}, answer {"ready": true}, then a row per picture."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a decoder prints must not mix with the answers
    # ONNX Runtime's official builds report to their maker, and keep a file for it, unless told otherwise
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    _be_expendable()
    start = json.loads(sys.stdin.buffer.readline())
    try:
        score = _factory(start["factory"])(**start["arguments"])
    except Exception as error:  # told to the parent, which raises it there
        _send(answers, json.dumps({"failed": type(error).__name__, "message": str(error)}) + "\n")
        return
    _send(answers, json.dumps({"ready": True}) + "\n")
    serve(score, start["system"], start["seconds"] + GRACE, sys.stdin.buffer, answers)


def score_bytes(**arguments: Any) -> Score:
    """What a worker holds: one scorer on one thread; `arguments` are `Settings.resolve`'s."""
    settings = Settings.resolve(**arguments)
    scorer = settings.open(threads=1)

    def score(data: bytes, name: str) -> ScanResult:
        picture = images.decode_bytes(data, path=name, max_pixels=settings.max_pixels)
        return scorer.finish(scorer.prepare(picture, name))

    return score


def serve(score: Score, system: str, seconds: float, questions: BinaryIO, answers: Any) -> None:
    """Answer until `questions` end; a picture that takes longer than `seconds` ends the process."""
    while line := questions.readline():
        question = json.loads(line)
        data = questions.read(question["bytes"])
        if len(data) < question["bytes"]:
            return
        _alarm(seconds)
        row = guarded(partial(score, data), question["name"], system)
        _alarm(0)
        del data
        _send(answers, to_line(row))


def _alarm(seconds: float) -> None:
    """The kernel ends the process after `seconds`, even inside a decoder; 0 takes it back."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _be_expendable() -> None:
    """No core dump, which would hold the picture; and first to go when memory runs out, before the server."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    except (ImportError, OSError, ValueError):
        return  # not on Linux; it then dies like any other process


def _factory(text: str) -> Callable[..., Score]:
    module, _, name = text.partition(":")
    factory: Callable[..., Score] = getattr(import_module(module), name)
    return factory


def _send(answers: Any, line: str) -> None:
    try:
        answers.write(line.encode("ascii"))
    except BrokenPipeError:
        os._exit(1)  # the server was killed; nobody is left to tell
