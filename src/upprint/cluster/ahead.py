"""A map that works a few items ahead in threads: for stores, where waiting is most of the work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Found = TypeVar("Found")


def ahead(
    threads: Executor, function: Callable[[Item], Found], items: Iterable[Item], depth: int
) -> Iterator[Found]:
    """`function` of each item, in order; at most `depth` results are under way or waiting."""
    window: deque[Future[Found]] = deque()
    try:
        for item in items:
            window.append(threads.submit(function, item))
            if len(window) >= depth:
                yield window.popleft().result()
        while window:
            yield window.popleft().result()
    finally:
        for future in window:
            future.cancel()
