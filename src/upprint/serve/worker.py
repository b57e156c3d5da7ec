"""A service worker: one process that scores one picture at a time, from bytes that it is sent.

`workers.py` starts it, see `runtime/channel.py`. A question is one line of JSON, {"name", "bytes"}, and that
many bytes; an answer is one row as a line of JSON. It ends when its input ends. Nothing touches a disk.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from upprint import images
from upprint.result import ScanResult
from upprint.runtime import channel
from upprint.runtime.rows import guarded, to_line
from upprint.runtime.settings import Settings

GRACE = 5.0
"""Seconds after the time limit at which a worker ends itself, should nobody be left to end it."""

Score = Callable[[bytes, str], ScanResult]


def main() -> None:
    """Read {"factory", "arguments", "system", "seconds"}, answer {"ready": true}, then a row per picture."""
    answers = channel.open_answers()
    _be_expendable()
    start, score = channel.begin(answers)
    if score is not None:
        serve(score, start["system"], start["seconds"] + GRACE, sys.stdin.buffer, answers)


def score_bytes(**arguments: Any) -> Score:
    """What a worker holds: one scorer on one thread; `arguments` are `Settings.resolve`'s."""
    settings = Settings.resolve(**arguments)
    scorer = settings.open(threads=1)

    def score(data: bytes, name: str) -> ScanResult:
        picture = images.decode_bytes(data, path=name, max_pixels=settings.max_pixels)
        return scorer.finish(scorer.prepare(picture, name))

    return score


def serve(score: Score, system: str, seconds: float, questions: BinaryIO, answers: BinaryIO) -> None:
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
        channel.send(answers, to_line(row))


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
