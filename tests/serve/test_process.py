"""The command as a process of its own: real sockets, real signals, and nothing written."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from upprint.serve.pages import STATIC

CLI = "import sys; from upprint.cli import main; sys.argv[0] = 'upprint'; main()"
SITE = """
import os, sys
_log = os.open(os.environ["WRITES_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def _hook(event, arguments):
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND
    named = isinstance(arguments[0], (str, bytes)) if event == "open" else False
    if named and isinstance(arguments[2], int) and arguments[2] & writes:
        os.write(_log, f"{os.getpid()} {arguments[0]}\\n".encode("utf-8", "replace"))
sys.addaudithook(_hook)
"""


@dataclass
class Server:
    process: subprocess.Popen[str]
    url: str
    log: Path
    writes: Path

    @property
    def address(self) -> tuple[str, int]:
        parts = httpx.URL(self.url)
        return parts.host, int(parts.port or 80)

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def raw(self, *pieces: bytes, close: bool = False) -> bytes:
        """Send bytes as they are; what comes back until the server closes."""
        with socket.create_connection(self.address, timeout=30) as connection:
            for piece in pieces:
                connection.sendall(piece)
            if close:
                return b""
            answer = b""
            while more := connection.recv(65_536):
                answer += more
            return answer


@contextmanager
def serving(folder: Path, system: Path, *options: str) -> Iterator[Server]:
    """`upprint serve` on a free port; every file that it or a worker opens for writing is noted."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(SITE)
    log, writes, scratch = folder / "log", folder / "writes", folder / "tmp"
    scratch.mkdir()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(folder / "site"), os.environ.get("PYTHONPATH")))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(scratch),
        "WRITES_LOG": str(writes),
    }
    command = [sys.executable, "-c", CLI, "serve", "--system", str(system), "--port", "0", *options]
    with log.open("w") as stderr:
        process = subprocess.Popen(command, env=environment, stderr=stderr, text=True)
    try:
        while "upprint listens on " not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        url = log.read_text().partition("upprint listens on ")[2].split()[0]
        yield Server(process, url, log, writes)
    finally:
        process.kill()
        process.wait()
    assert list(scratch.iterdir()) == []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, system: Path) -> Iterator[Server]:
    options = ("--workers", "1", "--max-upload", "5MB", "--timeout", "20")
    with serving(tmp_path_factory.mktemp("server"), system, *options) as made:
        yield made


def test_pictures_are_scored_and_nothing_is_written(server: Server, helpers) -> None:
    picture = helpers.hostile_files.encoded("PNG")
    files = [("files", ("secret-name.png", picture)), ("files", ("big.bin", os.urandom(3_000_000)))]
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for _ in range(3):
            rows = client.post("/v1/scan", files=files).json()["results"]
            assert rows[0]["verdict"] is not None
            assert rows[1]["error"].startswith("NotAnImage")
        page = client.get("/")
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        assert page.headers["cross-origin-embedder-policy"] == "require-corp"
        assert "server" not in page.headers
    written = server.writes.read_text().splitlines()
    (worker,) = server.workers()
    assert written == [f"{worker.pid} /proc/self/oom_score_adj"]  # so the hook sees
    assert '"pictures": 2' in server.log.read_text()
    assert "secret" not in server.log.read_text()


def test_limits_hold_on_the_wire(server: Server) -> None:
    head = b"POST /v1/scan HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"
    endless = [b"186A0\r\n" + bytes(100_000) + b"\r\n"] * 60
    answer = server.raw(head + b"Transfer-Encoding: chunked\r\n\r\n", *endless)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    assert b"5,000,000 bytes" in answer
    answer = server.raw(head + b"Content-Length: 5000001\r\n\r\n", bytes(200_000))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert server.raw(head + b"Content-Length: 10\r\n\r\n" + bytes(5), close=True) == b""
    both = server.raw(
        head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"
    )
    assert both.startswith(b"HTTP/1.1 400 ") or b"NotAnImage" in both
    assert server.raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 100_000).startswith(b"HTTP/1.1 4")
    assert server.raw(b"\x16\x03\x01 no HTTP at all\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert httpx.get(server.url + "readyz").json()["status"] == "ready"


def test_other_names_are_refused(server: Server) -> None:
    for host, status in (("127.0.0.1", 200), ("localhost:80", 200), ("evil.example", 403)):
        assert httpx.get(server.url + "healthz", headers={"host": host}).status_code == status


def test_a_worker_that_is_killed_is_replaced(server: Server, helpers) -> None:
    picture = helpers.hostile_files.encoded("PNG")
    (before,) = server.workers()
    before.kill()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        rows = client.post("/v1/scan", files={"files": ("a.png", picture)}).json()["results"]
        assert rows[0]["error"] is None
        assert 'upprint_workers_replaced_total{reason="died"} 1.0' in client.get("/metrics").text
    (after,) = server.workers()
    assert after.pid != before.pid


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_admitted_requests_finish(tmp_path: Path, helpers, how: signal.Signals) -> None:
    data = helpers.tiny_system.graph(work=4)
    slow = helpers.tiny_system.write_system(tmp_path / "slow", data, helpers.tiny_system.card(data))
    picture = helpers.hostile_files.encoded("PNG")
    with serving(tmp_path, slow, "--workers", "1") as server:
        workers = server.workers()
        boundary = (
            b"--x\r\nContent-Disposition: form-data; name=files; filename=a\r\n\r\n" + picture + b"\r\n"
        )
        body = boundary * 30 + b"--x--\r\n"
        head = (
            b"POST /v1/scan HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        with socket.create_connection(server.address, timeout=60) as connection:
            connection.sendall(head + body)
            while httpx.get(server.url + "readyz").json()["inside"] == 0:
                time.sleep(0.01)
            server.process.send_signal(how)
            answer = b""
            while more := connection.recv(65_536):
                answer += more
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.count(b'"error":null') == 30
        status = server.process.wait(60)
        assert status == (-signal.SIGTERM if how == signal.SIGTERM else 0)
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert alive == []
        assert "Traceback" not in server.log.read_text()


def test_workers_do_not_outlive_a_server_that_is_killed(tmp_path: Path, system: Path) -> None:
    with serving(tmp_path, system, "--workers", "2") as server:
        workers = server.workers()
        assert len(workers) == 2
        server.process.kill()
        server.process.wait()
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert alive == []


def test_the_page_runs_under_the_headers_and_says_what_the_api_says(
    server: Server, helpers, tmp_path: Path
) -> None:
    if not (STATIC / "index.html").is_file():
        pytest.skip("the page is not built")
    browser = helpers.load("web/page_site").chromium()  # skips where there is none
    picture = tmp_path / "picture.png"
    picture.write_bytes(helpers.hostile_files.encoded("PNG"))
    files = {"files": ("picture.png", picture.read_bytes())}
    (row,) = httpx.post(server.url + "v1/scan", files=files, timeout=60).json()["results"]
    try:
        browser.get(server.url)
        browser.implicitly_wait(60)
        browser.find_element("css selector", "input[type=file]").send_keys(str(picture))
        browser.find_element("xpath", f"//*[translate(., 'N', 'n')='{row['verdict']}']")
        assert browser.execute_script("return self.crossOriginIsolated") is True
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
        addresses = browser.execute_script(
            "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        )
        assert addresses
        outside = [url for url in addresses if not url.startswith((server.url, "blob:", "data:"))]
        assert outside == []
    finally:
        browser.quit()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CLI, "serve", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_what_cannot_be_served_is_one_readable_line(system: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("--system", str(system), "--port", port)
    assert done.returncode == 2
    assert "ConfigError: cannot listen on 127.0.0.1:" in done.stderr
    assert "Traceback" not in done.stderr
    broken = tmp_path / "tiny.onnx"
    broken.write_bytes(system.read_bytes() + b"x")
    broken.with_suffix(".json").write_bytes(system.with_suffix(".json").read_bytes())
    done = run("--system", str(broken), "--port", "0")
    assert (done.returncode, "WeightsError" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
