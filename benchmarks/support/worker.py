"""The child's side of `arms.py`: one process that holds arms and runs them when told.

JSON lines in, JSON lines out. {"open": "module:function", "with": {...}} calls a maker and keeps the
function that it returns; {"call": number, "with": {...}} calls that function and answers its result.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
    os.dup2(2, 1)  # what libraries print must not mix with the answers
    held: list[Callable[..., Any]] = []
    for line in sys.stdin:
        try:
            answer = {"result": _obey(json.loads(line), held)}
        except Exception:  # the parent raises it, with this trace
            answer = {"failed": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _obey(order: dict[str, Any], held: list[Callable[..., Any]]) -> Any:
    if "open" in order:
        module, _, name = order["open"].partition(":")
        held.append(getattr(import_module(module), name)(**order["with"]))
        return len(held) - 1
    return held[order["call"]](**order["with"])


if __name__ == "__main__":
    main()
