"""From pictures in memory to rows: fair among requests, and only while somebody waits for the answer."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from starlette.requests import Request

from upprint.result import ScanResult
from upprint.serve.admission import Admission
from upprint.serve.limits import Limits
from upprint.serve.metrics import Metrics
from upprint.serve.uploads import Disconnected, Upload
from upprint.serve.workers import Workers


@dataclass(frozen=True)
class Service:
    """What the routes share."""

    workers: Workers
    admission: Admission
    metrics: Metrics
    limits: Limits


async def score_while_connected(
    request: Request, service: Service, pictures: list[Upload]
) -> list[ScanResult]:
    """Rows in the order of `pictures`, which is emptied.

    Raises:
        Disconnected: the client left; what was not begun is not scored.
        NoWorkerError: no process is left to score them.
    """
    task = asyncio.create_task(_score_all(service, pictures))
    left = asyncio.create_task(_disconnection(request))
    try:
        await asyncio.wait((task, left), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Disconnected
        return task.result()
    finally:
        for one in (task, left):
            one.cancel()
        await asyncio.gather(task, left, return_exceptions=True)


async def _score_all(service: Service, pictures: list[Upload]) -> list[ScanResult]:
    """One request holds at most as many places in the line as there are workers: others get theirs."""
    rows: dict[int, ScanResult] = {}
    pending = deque(enumerate(pictures))
    pictures.clear()  # a scored picture is let go at once

    async def lane() -> None:
        while pending:
            index, picture = pending.popleft()
            began, size = time.perf_counter(), len(picture.data)
            rows[index] = await service.workers.score(picture.name, picture.data)
            del picture
            service.metrics.picture(rows[index], size, time.perf_counter() - began)

    lanes = [asyncio.create_task(lane()) for _ in range(min(len(pending), service.workers.count))]
    try:
        await asyncio.gather(*lanes)
    finally:
        for task in lanes:
            task.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
    return [rows[index] for index in sorted(rows)]


async def _disconnection(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
