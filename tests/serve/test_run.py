"""How the service listens."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from upprint.result import ConfigError
from upprint.serve.run import _in_url, _listen, log_to_stderr


def test_small_answers_are_not_held_back() -> None:
    """Without TCP_NODELAY every answer waits some 40 ms for the client's delayed acknowledgement."""
    seen: asyncio.Queue[int] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        seen.put_nowait(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()
        await writer.wait_closed()

    async def work() -> int:
        with _listen("127.0.0.1", 0) as listener:
            async with await asyncio.start_server(answer, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                found = await seen.get()
                writer.close()
                await writer.wait_closed()
                return found

    assert asyncio.run(work()) != 0


@pytest.mark.parametrize(("host", "port"), [("203.0.113.7", 0), ("127.0.0.1", 70_000)])
def test_an_address_that_cannot_be_had_is_named(host: str, port: int) -> None:
    with pytest.raises(ConfigError, match=f"cannot listen on {host}:{port}"):
        _listen(host, port).close()


def test_addresses_as_they_stand_in_a_url() -> None:
    assert [_in_url(host) for host in ("::1", "[::1]", "localhost")] == ["[::1]", "[::1]", "localhost"]


def test_the_log_goes_to_standard_error_and_quotes_no_bodies(capsys: pytest.CaptureFixture[str]) -> None:
    root, names = logging.getLogger(), ("upprint.serve", "python_multipart")
    before = root.handlers[:], root.level, [logging.getLogger(name).level for name in names]
    root.handlers.clear()
    try:
        log_to_stderr()
        logging.getLogger("upprint.serve.access").info("a line")
        logging.getLogger("python_multipart.multipart").warning("found a secret")
        logging.getLogger("other").info("chatter")
    finally:
        root.handlers[:], level = before[:2]
        root.setLevel(level)
        for name, old in zip(names, before[2], strict=True):
            logging.getLogger(name).setLevel(old)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("INFO upprint.serve.access a line\n")
    assert captured.err.count("\n") == 1
