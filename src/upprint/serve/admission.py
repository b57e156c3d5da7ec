"""The bounded queue: how many requests are inside at once. What does not fit is told when to come again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from upprint.serve.problems import Problem
from upprint.serve.workers import Workers

LONGEST = 60
"""Seconds that Retry-After says at most."""


class Admission:
    """Counts requests from before their body is read until their answer is ready, so it bounds memory too."""

    def __init__(self, workers: Workers, waiting: int) -> None:
        self._workers = workers
        self.capacity = workers.count + waiting
        self.inside = 0

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place.

        Raises:
            Problem: 429 with Retry-After, an estimate from the recent seconds per picture.
        """
        if self.inside >= self.capacity:
            seconds = self._workers.mean_seconds * self.inside / self._workers.count
            wait = min(max(math.ceil(seconds), 1), LONGEST)
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"the queue is full ({self.capacity} requests); send it again in {wait} s or later",
                {"Retry-After": str(wait)},
            )
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1
