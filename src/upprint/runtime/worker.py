"""A scan worker: one process that scores one file at a time; see `channel.py`.

It ends when its input ends, so it cannot outlive the scan.
"""

from __future__ import annotations

import json
import sys

from upprint.runtime import channel
from upprint.runtime.rows import guarded, to_line


def main() -> None:
    """Read {"factory", "arguments", "system"}, answer {"ready": true}, then one row per path."""
    answers = channel.open_answers()
    start, score = channel.begin(answers)
    if score is None:
        return
    for line in sys.stdin.buffer:
        channel.send(answers, to_line(guarded(score, json.loads(line), start["system"])))
