"""Arms of a comparison, each in a process of its own, and paired rounds over them.

An arm's process stays alive, warmed up, and idles while the others run. In a round every arm runs once,
one after the other (A B C, A B C, ...), so that whatever changes on the machine meets all of them, and
ratios are taken within a round.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

Answer = dict[str, Any]
HERE = Path(__file__).resolve().parents[1]
REST = 0.1
"""Seconds between two arms: thread pools stop spinning."""
_ALLOCATOR = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")


def clean_environment() -> dict[str, str]:
    """The environment without what would tune the C library's allocator, and with these modules in reach."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_ALLOCATOR)}
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HERE), kept.get("PYTHONPATH"))))
    return kept


class _Host:
    """A process of `worker.py`."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "support.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environment(),
            text=True,
        )

    def send(self, order: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def receive(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"an arm's process ended with status {self.process.wait()}")
        answer = json.loads(line)
        if "failed" in answer:
            raise RuntimeError(f"an arm failed:\n{answer['failed']}")
        return answer["result"]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Arm:
    """What `maker` returned, in its process. `kind` is "module:function"."""

    def __init__(self, host: _Host, maker: str, setup: dict[str, Any]) -> None:
        self._host = host
        host.send({"open": maker, "with": setup})
        self._number = host.receive()

    def send(self, **parameters: Any) -> None:
        self._host.send({"call": self._number, "with": parameters})

    def receive(self) -> Any:
        return self._host.receive()

    def __call__(self, **parameters: Any) -> Any:
        self.send(**parameters)
        return self.receive()


class Launcher:
    """Opens arms; leaving the context ends their processes.

    Args:
        shared: all arms in one process: for smoke tests, where times mean nothing.
    """

    def __init__(self, *, shared: bool = False) -> None:
        self._shared = shared
        self._hosts: list[_Host] = []

    def __enter__(self) -> Launcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self._hosts:
            host.close()
        self._hosts.clear()

    def open(self, maker: str, **setup: Any) -> Arm:
        if not (self._shared and self._hosts):
            self._hosts.append(_Host())
        return Arm(self._hosts[-1], maker, setup)


def together(arms: Sequence[Arm]) -> Callable[[], Answer]:
    """Run arms at the same time, each on its part; as one arm that takes as long as the slowest."""

    def run() -> Answer:
        for arm in arms:
            arm.send()
        answers = [arm.receive() for arm in arms]
        return {
            "pictures": sum(answer["pictures"] for answer in answers),
            "seconds": max(answer["seconds"] for answer in answers),
            "cpu_seconds": sum(answer["cpu_seconds"] for answer in answers),
            "page_faults": sum(answer["page_faults"] for answer in answers),
            "logits": [logit for answer in answers for logit in answer["logits"]],
            "verdicts": [verdict for answer in answers for verdict in answer["verdicts"]],
        }

    return run


def paired_rounds(arms: Mapping[str, Callable[[], Answer]], count: int) -> dict[str, list[Answer]]:
    """Run all arms `count` times, in turn; answers by arm, one per round."""
    answers: dict[str, list[Answer]] = {name: [] for name in arms}
    for _ in range(count):
        for name, run in arms.items():
            time.sleep(REST)
            answers[name].append(run())
    return answers
