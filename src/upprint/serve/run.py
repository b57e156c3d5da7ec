"""Listen, until a signal says to stop: then finish what was admitted, and end the workers."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import sys
from collections.abc import Callable, Iterable

import uvicorn

from upprint.result import ConfigError
from upprint.runtime import store
from upprint.runtime.settings import Settings
from upprint.serve.app import create_app, make_pool
from upprint.serve.limits import Limits, is_loopback

CONNECTIONS = 512
"""At once; uvicorn answers further ones with a plain 503."""


def run(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int | None = None,
    limits: Limits | None = None,
    key: str | None = None,
    allow_hosts: Iterable[str] = (),
    started: Callable[[str], None] = lambda url: None,  # noqa: ARG005
) -> None:
    """Serve until SIGINT or SIGTERM; both let admitted requests finish.

    Args:
        settings, workers, limits, key: see `app.create_app`.
        host, port: where to listen; port 0 takes a free one.
        allow_hosts: names that requests may be addressed to, beside those of a loopback server.
        started: called with the address once requests are answered.

    Raises:
        ConfigError: the address cannot be listened on.
        UpprintError: a worker cannot start.
        KeyboardInterrupt: SIGINT came, and everything has ended.
    """
    limits = limits or Limits()
    store.read_verified(settings.graph, settings.card)
    with _listen(host, port) as listener:
        asyncio.run(_serve(settings, listener, host, workers, limits, key, frozenset(allow_hosts), started))


async def _serve(
    settings: Settings,
    listener: socket.socket,
    host: str,
    workers: int | None,
    limits: Limits,
    key: str | None,
    allow_hosts: frozenset[str],
    started: Callable[[str], None],
) -> None:
    pool = make_pool(settings, limits, workers)
    hosts = {name.lower() for name in allow_hosts}
    if is_loopback(host):
        hosts |= {"localhost", "127.0.0.1", "[::1]", _in_url(host)}
    app = create_app(settings, limits=limits, pool=pool, key=key, hosts=frozenset(hosts))
    config = uvicorn.Config(
        app,
        access_log=False,
        h11_max_incomplete_event_size=32 * 2**10,
        http="h11",
        lifespan="on",
        limit_concurrency=CONNECTIONS,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(limits.seconds) + 5,
        ws="none",
    )
    try:
        await pool.start()  # here, where a failure is raised as what it is
        server = uvicorn.Server(config)
        url = f"http://{_in_url(host)}:{listener.getsockname()[1]}/"
        announcement = asyncio.create_task(_announce(server, url, started))
        try:
            await server.serve(sockets=[listener])
        finally:
            announcement.cancel()
    finally:
        await pool.close()


async def _announce(server: uvicorn.Server, url: str, started: Callable[[str], None]) -> None:
    while not server.started:
        await asyncio.sleep(0.02)
    started(url)


def log_to_stderr() -> None:
    """One line per event and request on standard error, for a process that is only this service."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("upprint.serve").setLevel(logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it would quote the body


def _listen(host: str, port: int) -> socket.socket:
    try:
        if not 0 <= port <= 65_535:
            raise OverflowError("ports are 0 to 65535")
        family, kind, _, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # asyncio sends small answers at once (TCP_NODELAY) only where it is told that this is TCP
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        try:
            if sys.platform != "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except BaseException:
            listener.close()
            raise
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"cannot listen on {_in_url(host)}:{port} ({error}); choose another --host or --port"
        ) from error
    return listener


def _in_url(host: str) -> str:
    bare = host.strip("[]")
    return f"[{bare}]" if ":" in bare else bare
