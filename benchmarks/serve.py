"""`upprint serve` under a real client: throughput, a busy hour's requests, overload, hostile uploads.

python benchmarks/serve.py [--quick] [--model X.onnx] [--out FOLDER] [--note TEXT]

A busy hour is 10,800 requests, three a second, of one picture each, here sent as fast as they are answered:
pictures of 64 x 64 pixels, every twentieth of 768 x 768; every fiftieth request carries a hostile file, every
two-hundredth is hostile itself. Before it, so that every worker has met the largest of each kind, all hostile
files and some large pictures are sent, to all workers at once. The hour is held against the highest memory of
that warm-up, for how many workers hold a large picture at the same moment is chance. Some ten minutes on two
idle cores.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psutil

from support.arms import Launcher, clean_environment
from support.model import Model, random_model
from support.pictures import jpeg, pictures
from support.report import Claim, Context, Result, write
from support.series import milliseconds, quarters, slope
from upprint.runtime import store
from upprint.runtime.scan import available_cores

TITLE = "The service under load"
ROOT = Path(__file__).resolve().parents[1]
QUEUE = 16
BUSY_HOUR = 10_800
"""Requests: three a second for an hour."""
PATIENCE = 2700.0
"""Seconds after which no further request of the hour is begun."""
SAMPLED = 20
"""Memory is read once in so many requests."""
FLAT = 5.0
"""Per cent of growth that still counts as flat."""
JPEG = {"content-type": "image/jpeg"}
TOO_LARGE = 413
_CLI = "import sys; from upprint.cli import main; sys.argv[0] = 'upprint'; main()"
_READY = "upprint listens on "


def run(context: Context) -> Result:
    workers = available_cores()
    with _server(context.model.onnx, workers) as (process, url):
        return asyncio.run(_load(context, _Driver(process, url, workers)))


@dataclass
class _Driver:
    """The server's process and address, and what its answers have been so far."""

    process: psutil.Process
    url: str
    workers: int
    unexpected: list[str] = field(default_factory=list)
    closed: int = 0
    """Requests that were too large and met a closed connection before they read the answer."""

    def expect(self, what: str, holds: bool) -> None:
        if not holds:
            self.unexpected.append(what)

    def resident(self) -> int:
        """Bytes resident in the server and its workers."""
        total = 0
        for member in [self.process, *self.process.children(recursive=True)]:
            try:
                total += member.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total


async def _load(context: Context, driver: _Driver) -> Result:
    full = [jpeg(p) for p in pictures(context.size(24, 2), 512, 512, seed=5, fields=3)]
    small = [jpeg(p) for p in pictures(context.size(50, 4), 64, 64, seed=6, fields=3)]
    large = [jpeg(p) for p in pictures(context.size(12, 2), 768, 768, seed=7, fields=3)]
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
    async with httpx.AsyncClient(base_url=driver.url, timeout=60, limits=limits) as client:
        (reference,) = (await client.post("/v1/scan", content=small[0], headers=JPEG)).json()["results"]
        arms = {
            "single 512² pictures": await _throughput(
                client, driver, full, 1, context.size(300, 4), context.size(20, 10)
            ),
            "512² pictures, ten a request": await _throughput(
                client, driver, full, 10, context.size(30, 1), context.size(10, 10)
            ),
        }
        warm = _hostile(client, driver, 1 if context.quick else driver.workers, large)
        peak = await _highest(driver, warm)
        hour = await _hour(client, driver, small, large, context.size(BUSY_HOUR, 60), peak)
        overload = await _overload(client, driver, full, context.size(10, 3))
        hostile = await _hostile(client, driver, 1)
        (again,) = (await client.post("/v1/scan", content=small[0], headers=JPEG)).json()["results"]
        driver.expect("a row that changed over the run", again == reference)
        ready = (await client.get("/readyz")).json()
        driver.expect("fewer workers at the end", ready["workers"] == driver.workers)
    sent = hour.facts["requests"]
    claims = [
        Claim("answers that were not as expected", 0, (len(driver.unexpected),), "at most", "answers"),
        Claim("requests of a busy hour", context.size(BUSY_HOUR, 60), (sent,), "at least", "requests"),
        Claim(f"peak of {sent} requests above the warm-up's", FLAT, (hour.growth,), "at most", "% of memory"),
        Claim(
            "memory that the slope adds over the busy hour, upper end of its 95 % interval",
            FLAT, (hour.trend,), "at most", "%",
        ),
    ]  # fmt: skip
    checks = {
        "busy hour": hour.facts,
        "overload": overload,
        "hostile": hostile,
        "unexpected": ", ".join(driver.unexpected[:10]) or "nothing",
        "too large, and closed before the client read why": driver.closed,
    }
    settings = {
        "workers": driver.workers,
        "queue": QUEUE,
        "client": "httpx, asynchronous, over loopback, on the same cores as the service",
        "what": "memory is resident bytes of server and workers, added up; pages that they share count twice",
    }
    return Result(settings, claims, arms, checks)


# --- phases ------------------------------------------------------------------------------------------------


async def _throughput(
    client: httpx.AsyncClient, driver: _Driver, files: list[bytes], each: int, requests: int, seconds: float
) -> dict[str, Any]:
    """As many requests as come back within `seconds`, twice as many at a time as there are workers."""

    async def one(index: int) -> None:
        chosen = [files[(index * each + i) % len(files)] for i in range(each)]
        form = [("files", (f"{i}.jpg", data, "image/jpeg")) for i, data in enumerate(chosen)]
        response = await client.post("/v1/scan", files=form)
        rows = response.json().get("results", [])
        scored = len(rows) == each and all(row["error"] is None for row in rows)
        driver.expect(f"status {response.status_code} in throughput", scored)

    took, wall = await _lanes(one, requests, 2 * driver.workers, seconds)
    return {
        "what": f"{len(took)} requests, {2 * driver.workers} at a time",
        "pictures_per_second": [len(took) * each / wall],
        **{name: [value] for name, value in milliseconds(took).items()},
    }


@dataclass(frozen=True)
class _Hour:
    facts: dict[str, Any]
    growth: float
    """Per cent by which the highest sample exceeds the warm-up's highest; below 0 where it does not."""
    trend: float
    """Per cent of the level after the first tenth that the slope's upper end adds over a busy hour."""


async def _highest(driver: _Driver, work: Coroutine[Any, Any, Any]) -> float:
    """The highest memory in megabytes while `work` is done, looked at every 20 ms."""
    task, highest = asyncio.create_task(work), driver.resident()
    while not task.done():
        await asyncio.wait([task], timeout=0.02)
        highest = max(highest, driver.resident())
    await task
    return highest / 1e6


async def _hour(
    client: httpx.AsyncClient,
    driver: _Driver,
    small: list[bytes],
    large: list[bytes],
    requests: int,
    peak: float,
) -> _Hour:
    """The busy hour of the module's text, twice as many requests at a time as there are workers."""
    samples: list[tuple[int, float]] = []
    took: list[tuple[int, float]] = []
    times: list[float] = []
    files, bad = list(_hostile_files().items()), list(_hostile_requests())
    counts: Counter[str] = Counter()
    began = time.perf_counter()

    async def one(index: int) -> None:
        if index % 200 == 100:
            counts["hostile requests"] += 1
            await _send_hostile(client, driver, *bad[index // 200 % len(bad)])
        elif index % 50 == 49:
            counts["hostile files"] += 1
            await _upload_hostile(client, driver, *files[index // 50 % len(files)])
        else:
            name, chosen = ("pictures of 768²", large) if index % 20 == 0 else ("pictures of 64²", small)
            counts[name] += 1
            start = time.perf_counter()
            response = await client.post("/v1/scan", content=chosen[index % len(chosen)], headers=JPEG)
            took.append((index, time.perf_counter() - start))
            driver.expect(f"status {response.status_code} in the hour", response.status_code == 200)
        if index % max(min(SAMPLED, requests // SAMPLED), 1) == 0:
            samples.append((index, driver.resident() / 1e6))
            times.append(time.perf_counter() - began)

    all_took, wall = await _lanes(one, requests, 2 * driver.workers, PATIENCE)
    samples.sort()
    warm = max(len(samples) // 10, 1)
    later = [value for _, value in samples[warm:]]
    found, level = slope(samples[warm:] if len(samples) > 40 else samples), sum(later) / len(later)
    facts = {
        "requests": len(all_took),
        "of which": dict(counts),
        "seconds": wall,
        "requests_per_second": len(all_took) / wall,
        "scored pictures, by quarter of the run": quarters(took, len(all_took)),
        "memory_samples": len(samples),
        "seconds_between_samples_at_most": max(b - a for a, b in pairwise(times)),
        "megabytes_at_most_in_the_warm_up": peak,
        "megabytes_at_most": max(value for _, value in samples),
        "megabytes_on_average_after_the_first_tenth": level,
        "slope_megabytes_per_1000_requests": {
            "median": 1000 * found.value, "low": 1000 * found.low, "high": 1000 * found.high,
        },
    }  # fmt: skip
    growth = 100 * (max(value for _, value in samples) - peak) / peak
    return _Hour(facts, growth, 100 * found.high * BUSY_HOUR / level)


async def _overload(
    client: httpx.AsyncClient, driver: _Driver, files: list[bytes], times: int
) -> dict[str, Any]:
    """`times` as many requests at once as the queue holds: each gets its row, or 429 with Retry-After."""
    answers: Counter[int] = Counter()
    refused: list[float] = []

    async def one(index: int) -> None:
        began = time.perf_counter()
        response = await client.post("/v1/scan", content=files[index % len(files)], headers=JPEG)
        answers[response.status_code] += 1
        if response.status_code == 429:
            refused.append(time.perf_counter() - began)
            driver.expect("429 without Retry-After", response.headers.get("retry-after", "").isdigit())
        else:
            driver.expect(f"status {response.status_code} in overload", response.status_code == 200)

    count = times * (driver.workers + QUEUE)
    await asyncio.gather(*(one(index) for index in range(count)))
    driver.expect("no 429 under overload", answers[429] > 0)
    return {
        "at_once": count,
        "scored": answers[200],
        "refused": answers[429],
        **{f"{name}_to_refusal": value for name, value in milliseconds(refused).items()},
    }


async def _hostile(
    client: httpx.AsyncClient, driver: _Driver, times: int, pictures: Sequence[bytes] = ()
) -> dict[str, Any]:
    """Every hostile file must give the row that a scan gives, every hostile request its status."""
    before = driver.resident()
    files = list(_hostile_files().items())

    async def one(index: int) -> None:
        await _upload_hostile(client, driver, *files[index % len(files)])

    async def picture(index: int) -> None:
        response = await client.post("/v1/scan", content=pictures[index], headers=JPEG)
        driver.expect(f"status {response.status_code} of a large picture", response.status_code == 200)

    await _lanes(one, times * len(files), driver.workers, 600)
    await _lanes(picture, len(pictures), driver.workers, 600)
    requests = list(_hostile_requests())
    for request in requests:
        await _send_hostile(client, driver, *request)
    return {
        "files": len(files),
        "requests": len(requests),
        "megabytes_before": before / 1e6,
        "megabytes_after": driver.resident() / 1e6,
    }


async def _upload_hostile(
    client: httpx.AsyncClient, driver: _Driver, name: str, contents: tuple[bytes, str]
) -> None:
    data, expected = contents
    response = await client.post("/v1/scan", files={"files": (name, data)})
    rows = response.json().get("results", [{}])
    found = (rows[0].get("error") or "ok").partition(":")[0]
    driver.expect(f"{name}: {found} instead of {expected}", found == expected)


async def _send_hostile(
    client: httpx.AsyncClient, driver: _Driver, name: str, status: int, request: Request
) -> None:
    try:
        answer = await request(client)
    except (httpx.ReadError, httpx.WriteError):  # refused and closed before the client had sent it all
        driver.closed += 1
        answer = TOO_LARGE
    driver.expect(f"{name}: status {answer} instead of {status}", answer == status)


def _hostile_files() -> dict[str, tuple[bytes, str]]:
    spec = spec_from_file_location("hostile files", ROOT / "tests" / "hostile_files.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    files: dict[str, tuple[bytes, str]] = module.contents()
    return files


Request = Callable[[httpx.AsyncClient], Awaitable[int]]


def _hostile_requests() -> Iterator[tuple[str, int, Request]]:
    """Name, expected status, and the request."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(600):
            yield bytes(100_000)

    form = {"content-type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n1\r\n'

    async def chunked(client: httpx.AsyncClient) -> int:
        return await _post(content=endless(), headers=JPEG)(client)  # a generator runs once

    yield "chunked body without end", TOO_LARGE, chunked
    yield "large stated length", TOO_LARGE, _post(content=bytes(33_000_000), headers=JPEG)
    yield "too many files", TOO_LARGE, _post(content=part * 101 + b"--x--", headers=form)
    yield "cut form", 400, _post(content=part, headers=form)
    yield "no form", 400, _post(content=b"nonsense" * 1000, headers=form)
    yield "endless part header", 400, _post(content=b"--x\r\nA: " + b"a" * 10**6, headers=form)
    yield "thousand part headers", 400, _post(content=b"--x\r\n" + b"A: 1\r\n" * 1000, headers=form)
    yield "other field", 400, _post(files={"url": b"http://127.0.0.1/"})
    yield "empty", 400, _post(content=b"", headers=JPEG)
    yield "a URL", 415, _post(json={"url": "http://127.0.0.1/"})
    yield "gzip", 415, _post(content=b"1", headers=JPEG | {"content-encoding": "gzip"})
    yield "foreign name", 403, _post(content=b"1", headers=JPEG | {"host": "evil.example"})
    yield "foreign page", 403, _post(content=b"1", headers=JPEG | {"origin": "http://evil.example"})


def _post(**what: Any) -> Request:
    async def post(client: httpx.AsyncClient) -> int:
        return (await client.post("/v1/scan", **what)).status_code

    return post


async def _lanes(
    one: Callable[[int], Awaitable[None]], requests: int, lanes: int, seconds: float
) -> tuple[list[float], float]:
    """Run `one` over 0, 1, ... in `lanes` at a time, none begun after `seconds`; their times, and all."""
    numbers = iter(range(requests))
    took: list[float] = []
    began = time.perf_counter()

    async def lane() -> None:
        for number in numbers:
            start = time.perf_counter()
            if start - began > seconds:
                return
            await one(number)
            took.append(time.perf_counter() - start)

    await asyncio.gather(*(lane() for _ in range(lanes)))
    return took, time.perf_counter() - began


# --- the server --------------------------------------------------------------------------------------------


@contextmanager
def _server(onnx: Path, workers: int) -> Iterator[tuple[psutil.Process, str]]:
    """A process of `upprint serve` on a free port of 127.0.0.1, ended on leaving."""
    command = [sys.executable, "-c", _CLI, "serve", "--system", str(onnx), "--port", "0"]
    process = psutil.Popen(
        [*command, "--workers", str(workers), "--queue", str(QUEUE)],
        env=clean_environment(),
        stderr=subprocess.PIPE,
    )
    said: list[str] = []
    try:
        for line in process.stderr:
            said.append(line.decode(errors="replace"))
            if said[-1].startswith(_READY):
                break
        else:
            raise RuntimeError(f"the service did not start:\n{''.join(said)}")
        drain = threading.Thread(target=lambda: [None for _ in process.stderr], daemon=True)
        drain.start()
        yield process, said[-1].removeprefix(_READY).strip()
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stderr.close()


def main(arguments: list[str] | None = None) -> None:
    from run import _measured

    parser = argparse.ArgumentParser(description="Load-test `upprint serve`; some ten minutes.")
    parser.add_argument("--quick", action="store_true", help="tiny sizes; shows that it runs")
    parser.add_argument("--model", type=Path, help="exported .onnx, its card beside it")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    parser.add_argument("--note", help="what else the machine was doing; kept with the figures")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="upprint-benchmarks-") as scratch, Launcher() as launcher:
        context = Context(_model(options.model, Path(scratch)), Path(scratch), launcher, options.quick)
        command = "python benchmarks/serve.py" + " --quick" * options.quick
        data = _measured("serve", context, command)
    data["notes"] += [options.note] if options.note else []
    write(options.out / "serve.json", data)
    for claim in data["claims"]:
        print(f"{claim['text']}: {claim['median']:g} {claim['unit']} ({claim['sense']} {claim['bar']:g})")


def _model(path: Path | None, folder: Path) -> Model:
    if path is None and store.DEFAULT_SYSTEM not in store.shipped():
        return random_model(folder)
    onnx, _ = store.find(store.DEFAULT_SYSTEM if path is None else path)
    return Model(onnx, onnx, "shipped weights" if path is None else "weights given with --model")


if __name__ == "__main__":
    main()
