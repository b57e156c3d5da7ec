"""A service in this process, its workers in theirs, and helpers that several test files use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from upprint.result import ScanResult
from upprint.runtime.settings import Settings
from upprint.serve.app import create_app
from upprint.serve.limits import Limits
from upprint.serve.workers import Workers

ADDRESS = "http://127.0.0.1:8000"


def load(name: str) -> ModuleType:
    """A helper module of tests/, which is no package."""
    spec = spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tiny_system, hostile_files = load("tiny_system"), load("hostile_files")


class Client:
    """Calls an application on one event loop, its lifespan open until the fixture ends."""

    def __init__(self, runner: asyncio.Runner, app: FastAPI, headers: dict[str, str] | None = None) -> None:
        self.runner, self.app = runner, app
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=ADDRESS, headers=headers, timeout=60
        )

    def request(self, method: str, url: str, **more: object) -> httpx.Response:
        return self.runner.run(self.http.request(method, url, **more))

    def get(self, url: str, **more: object) -> httpx.Response:
        return self.request("GET", url, **more)

    def post(self, url: str = "/v1/scan", **more: object) -> httpx.Response:
        return self.request("POST", url, **more)

    def scan(self, *files: tuple[str, bytes]) -> httpx.Response:
        return self.post(files=[("files", (name, data, "application/octet-stream")) for name, data in files])


class FakePool(Workers):
    """No processes: the row of a picture holds its length; `gate` holds pictures back until it is set."""

    def __init__(self, count: int = 1) -> None:
        super().__init__(count, "none:none", {}, "fake", seconds=1)
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun: list[str] = []
        self.most = self.now = 0

    @property
    def alive(self) -> int:
        return self.count

    async def start(self) -> None:
        self._started = True

    async def score(self, name: str, data: bytes | bytearray) -> ScanResult:
        self.begun.append(name)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            return ScanResult(name, self.system, logit=float(len(data)))
        finally:
            self.now -= 1


@pytest.fixture(scope="session")
def helpers() -> SimpleNamespace:
    return SimpleNamespace(
        Client=Client, FakePool=FakePool, tiny_system=tiny_system, hostile_files=hostile_files, load=load
    )


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny calibrated system on disk."""
    data = tiny_system.graph()
    return tiny_system.write_system(tmp_path_factory.mktemp("system"), data, tiny_system.card(data))


@pytest.fixture
def settings(system: Path) -> Settings:
    return Settings.resolve(system)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def fake(runner: asyncio.Runner, settings: Settings) -> Iterator[SimpleNamespace]:
    """An application over a `FakePool`: .client, .pool, .make(**options of create_app)."""
    pool = FakePool()
    runner.run(pool.start())

    def make(*, headers: dict[str, str] | None = None, **options: object) -> Client:
        return Client(runner, create_app(settings, **{"pool": pool, **options}), headers)

    limits = Limits(body=10_000, files=3, waiting=1, receive=2, idle=0.3)
    yield SimpleNamespace(client=make(limits=limits), pool=pool, make=make, limits=limits)
    runner.run(pool.close())


@pytest.fixture(scope="module")
def live(system: Path) -> Iterator[Client]:
    """The real thing with two worker processes."""
    app = create_app(Settings.resolve(system), workers=2, limits=Limits(seconds=60))
    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        yield Client(runner, app)
        runner.run(lifespan.__aexit__(None, None, None))
