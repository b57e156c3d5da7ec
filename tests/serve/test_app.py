"""The API over a pool without processes (`fake`) and over two real workers (`live`)."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import starlette.formparsers
from fastapi import FastAPI, Request

import upprint
from upprint.card import SystemCard
from upprint.result import ScanResult
from upprint.runtime.settings import Settings
from upprint.serve.app import create_app
from upprint.serve.envelope import HEADERS
from upprint.serve.limits import Limits
from upprint.serve.pages import Pages

KEY = "k3y-of-the-service-0123456789"
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND


def is_problem(response: httpx.Response, status: int, *words: str) -> bool:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "request_id"}
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    assert [word for word in words if word not in body["detail"]] == []
    return True


# --- rows ---------------------------------------------------------------------------------------------------


def test_rows_equal_those_of_a_scan(live, system: Path, helpers, tmp_path: Path) -> None:
    folder = helpers.tiny_system.write_pictures(tmp_path / "pictures", 22)
    paths = sorted(str(path) for path in folder.iterdir())
    expected = [row.row() for row in upprint.scan(paths, system=system, workers=1)]
    response = live.scan(*((path, Path(path).read_bytes()) for path in paths))
    assert response.status_code == 200
    assert response.json() == {"results": expected}
    assert any(row["error"] for row in expected)
    assert {row["verdict"] for row in expected} > {"generated", "no trace found"}


def test_a_raw_body_gives_the_same_row(live, helpers) -> None:
    data = helpers.hostile_files.encoded("PNG")
    (one,) = live.post(content=data, headers={"content-type": "image/png"}).json()["results"]
    (two,) = live.scan(("body", data)).json()["results"]
    assert one == two
    assert one["error"] is None


def test_hostile_uploads_are_rows_with_the_error_that_a_scan_gives(live, helpers) -> None:
    contents = helpers.hostile_files.contents()
    files = [(name, data) for name, (data, _) in contents.items()]
    assert len(files) > 60
    rows = []
    for start in range(0, len(files), 40):
        response = live.scan(*files[start : start + 40])
        assert response.status_code == 200
        rows += response.json()["results"]
    found = {
        name: (row["error"] or "ok").partition(":")[0] for (name, _), row in zip(files, rows, strict=True)
    }
    assert found == {name: expected for name, (_, expected) in contents.items()}
    assert live.get("/readyz").json()["workers"] == 2


def test_a_picture_over_the_pixel_limit_is_a_row(runner, settings, helpers) -> None:
    client = helpers.Client(runner, create_app(settings, workers=1, limits=Limits(pixels=3000)))
    lifespan = client.app.router.lifespan_context(client.app)
    runner.run(lifespan.__aenter__())
    try:
        (row,) = client.scan(("a.png", helpers.hostile_files.encoded("PNG"))).json()["results"]
    finally:
        runner.run(lifespan.__aexit__(None, None, None))
    assert row["error"].startswith("ImageTooLarge")
    assert "3,000" in row["error"]


def test_rows_keep_the_order_of_the_files(fake) -> None:
    fake.pool.count = 2
    rows = fake.make(limits=Limits(files=50)).scan(*((f"{i}.png", b"x" * i) for i in range(1, 41)))
    assert [row["path"] for row in rows.json()["results"]] == [f"{i}.png" for i in range(1, 41)]
    assert [row["logit"] for row in rows.json()["results"]] == list(range(1, 41))
    assert fake.pool.most == 2  # one request holds no more places than there are workers


# --- nothing reaches a disk ---------------------------------------------------------------------------------


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Files that this process opens for writing, and temporary files that it asks for."""
    found: list[str] = []
    watching = [True]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
            found.append(str(arguments[0]))

    def spooled(*arguments: object, **more: object) -> io.BytesIO:
        found.append("spooled")
        return io.BytesIO()

    for module in (tempfile, starlette.formparsers):
        monkeypatch.setattr(module, "SpooledTemporaryFile", spooled)
    sys.addaudithook(hook)
    yield found
    watching.clear()


def test_no_upload_is_written_anywhere(fake, written: list[str]) -> None:
    client = fake.make(limits=Limits(body=20_000_000, files=30))
    large = os.urandom(3_000_000)
    assert len(client.scan(*[("a.png", large)] * 5).json()["results"]) == 5
    assert client.post(content=large, headers={"content-type": "image/png"}).status_code == 200
    assert client.post(content=large * 7, headers={"content-type": "image/png"}).status_code == 413
    assert written == []


def test_the_check_above_sees_files_and_the_framework_s_own_form(
    runner, helpers, written: list[str], tmp_path: Path
) -> None:
    app = FastAPI()

    @app.post("/form")
    async def form(request: Request) -> dict[str, int]:
        return {"fields": len(await request.form())}

    answer = helpers.Client(runner, app).post("/form", files={"files": b"x" * 3_000_000})
    assert answer.json() == {"fields": 1}
    (tmp_path / "file").write_bytes(b"x")
    assert written == ["spooled", str(tmp_path / "file")]


# --- whole-request problems ---------------------------------------------------------------------------------


def test_what_is_no_upload_is_refused(fake) -> None:
    assert is_problem(fake.client.post(), 415, "no content type", "multipart/form-data")
    assert is_problem(fake.client.post(json={"url": "http://example.org/a.png"}), 415, "application/json")
    assert is_problem(fake.client.post(files={"image": b"1"}), 400, "'image'", "'files'")
    assert is_problem(fake.client.post(content=b"", headers={"content-type": "image/png"}), 400, "empty")
    bad = {"content-type": "multipart/form-data; boundary=x"}
    assert is_problem(fake.client.post(content=b"nonsense", headers=bad), 400, "malformed")
    assert fake.pool.begun == []


def test_a_url_is_bytes_like_any_other(live) -> None:
    rows = live.post(data={"files": "http://127.0.0.1:9/a.png"}, files={"files": b""}).json()["results"]
    assert {row["error"].partition(":")[0] for row in rows} == {"NotAnImage", "EmptyFile"}


def test_large_bodies_are_refused_with_and_without_a_stated_length(fake) -> None:
    headers = {"content-type": "image/png"}
    stated = fake.client.post(content=b"x" * 10_001, headers=headers)
    assert is_problem(stated, 413, "10,000 bytes")

    async def chunks():
        for _ in range(11):
            yield b"x" * 1000

    assert is_problem(fake.client.post(content=chunks(), headers=headers), 413, "10,000 bytes")
    liar = fake.client.post(content=chunks(), headers=headers | {"content-length": "5"})
    assert is_problem(liar, 413, "10,000 bytes")
    assert is_problem(fake.client.scan(*[("a", b"1")] * 4), 413, "3 files")
    assert fake.client.post(content=b"x" * 10_000, headers=headers).status_code == 200


def test_a_full_queue_is_429_and_empties_again(fake) -> None:
    async def work() -> list[httpx.Response]:
        fake.pool.gate.clear()
        headers = {"content-type": "image/png"}
        inside = [
            asyncio.create_task(fake.client.http.post("/v1/scan", content=b"1", headers=headers))
            for _ in range(2)
        ]
        while fake.pool.now < 2:
            await asyncio.sleep(0.01)
        refused = await fake.client.http.post("/v1/scan", content=b"1", headers=headers)
        counts = (await fake.client.http.get("/metrics")).text
        assert "upprint_queue_depth 2.0" in counts
        assert "upprint_queue_capacity 2.0" in counts
        fake.pool.gate.set()
        await asyncio.gather(*inside)
        after = await fake.client.http.post("/v1/scan", content=b"1", headers=headers)
        return [refused, after, *(task.result() for task in inside)]

    refused, *fine = fake.client.runner.run(work())
    assert is_problem(refused, 429, "the queue is full (2 requests)")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert [response.status_code for response in fine] == [200, 200, 200]


def test_without_workers_requests_are_503_and_the_service_is_not_ready(fake) -> None:
    assert fake.client.get("/readyz").json()["status"] == "ready"
    fake.pool._closing = True
    for response in (fake.client.get("/readyz"), fake.client.scan(("a", b"1"))):
        assert is_problem(response, 503, "no worker process")
        assert response.headers["retry-after"] == "5"
    assert fake.client.get("/healthz").json() == {"status": "live"}


def test_a_client_that_leaves_takes_its_pictures_along(fake) -> None:
    async def work() -> None:
        fake.pool.gate.clear()
        body = [{"type": "http.request", "body": b"x", "more_body": False}]
        left = asyncio.Event()

        async def receive() -> dict[str, object]:
            if body:
                return body.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: object) -> None:
            return None

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/scan",
            "raw_path": b"/v1/scan",
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 1),
            "headers": [(b"host", b"127.0.0.1:8000"), (b"content-type", b"image/png")],
        }
        task = asyncio.create_task(fake.client.app(scope, receive, send))
        while fake.pool.now < 1:
            await asyncio.sleep(0.01)
        left.set()
        await task
        assert fake.pool.now == 0

    fake.client.runner.run(work())
    assert 'route="/v1/scan",status="499"' in fake.client.get("/metrics").text
    assert "upprint_queue_depth 0.0" in fake.client.get("/metrics").text


def test_a_defect_is_a_problem_without_its_trace(fake, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(name: str, data: bytes) -> ScanResult:
        raise ZeroDivisionError("secret inside")

    fake.pool.score = broken
    response = fake.client.scan(("a", b"1"))
    assert is_problem(response, 500, "its log has the cause")
    assert "secret" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "secret inside" in caplog.text
    assert response.json()["request_id"] in caplog.text
    assert 'status="500"' in fake.client.get("/metrics").text


# --- who may call -------------------------------------------------------------------------------------------


def test_the_key_opens_the_api_and_nothing_else_needs_it(fake) -> None:
    client = fake.make(key=KEY)
    for wrong in (
        {},
        {"authorization": "Bearer nonsense"},
        {"authorization": f"Basic {KEY}"},
        {"x-api-key": KEY[:-1]},
        {"x-api-key": ""},
    ):
        for response in (
            client.post(content=b"1", headers={"content-type": "image/png", **wrong}),
            client.get("/v1/systems", headers=wrong),
            client.get("/metrics", headers=wrong),
        ):
            assert is_problem(response, 401, "Authorization: Bearer KEY")
            assert response.headers["www-authenticate"] == "Bearer"
            assert KEY not in response.text
    assert fake.pool.begun == []
    for right in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}):
        assert client.get("/v1/systems", headers=right).status_code == 200
        assert client.post(content=b"1", headers={"content-type": "image/png", **right}).status_code == 200
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert client.get(path).status_code == 200


def test_other_names_are_refused_on_a_loopback_server(fake) -> None:
    client = fake.make(hosts=frozenset({"127.0.0.1", "localhost", "[::1]"}))
    for host in ("127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000"):
        assert client.get("/healthz", headers={"host": host}).status_code == 200
    for host in ("evil.example:8000", "127.0.0.1.evil.example", "[::1", "", "a b", "::1"):
        assert is_problem(client.get("/healthz", headers={"host": host}), 403, "--allow-host")
    assert fake.client.get("/healthz", headers={"host": "any.example"}).status_code == 200


def test_pages_of_other_origins_cannot_upload_and_get_no_cors(fake) -> None:
    picture = {"content-type": "image/png"}
    own = fake.client.post(content=b"1", headers={"origin": "http://127.0.0.1:8000", **picture})
    assert own.status_code == 200
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9000"):
        response = fake.client.post(content=b"1", headers={"origin": origin, **picture})
        assert is_problem(response, 403, "another origin")
        asked = fake.client.request(
            "OPTIONS", "/v1/scan", headers={"origin": origin, "access-control-request-method": "POST"}
        )
        for answer in (response, asked, fake.client.get("/v1/systems", headers={"origin": origin})):
            assert [name for name in answer.headers if name.startswith("access-control")] == []


# --- around every answer ------------------------------------------------------------------------------------


def test_every_answer_carries_the_headers(fake) -> None:
    for path in (
        "/",
        "/healthz",
        "/v1/systems",
        "/models/tiny.json",
        "/nothing",
        "/models/nothing",
        "/v1/scan",
    ):
        headers = fake.client.get(path).headers
        assert {name: headers.get(name) for name in HEADERS} == HEADERS
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert "server" not in headers
    assert fake.client.get("/v1/systems").headers["cache-control"] == "no-store"


def test_request_ids_are_kept_if_they_are_harmless(fake) -> None:
    ask = fake.client.get
    assert ask("/healthz", headers={"x-request-id": "a-1_B.2"}).headers["x-request-id"] == "a-1_B.2"
    for odd in ("a b", "x" * 65, "<script>", ""):
        made = ask("/healthz", headers={"x-request-id": odd}).headers["x-request-id"]
        assert len(made) == 32
    assert ask("/healthz").headers["x-request-id"] != ask("/healthz").headers["x-request-id"]


def test_the_log_has_a_line_per_request_and_no_file_names(fake, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "upprint.serve.access")
    fake.client.scan(("secret-name.png", b"1"), ("other-secret.png", b"2"))
    fake.client.get("/secret-path.png?secret=query")
    fake.client.post("/v1/scan?secret=query", json={"secret": 1})
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "upprint.serve.access"]
    assert [(line["route"], line["status"], line.get("pictures")) for line in lines] == [
        ("/v1/scan", 200, 2),
        ("page", 404, None),
        ("/v1/scan", 415, None),
    ]
    assert "secret" not in caplog.text


def test_counts(fake) -> None:
    fake.client.scan(("a", b"1"), ("b", b"22"))
    fake.client.scan()

    async def failing(name: str, data: bytes) -> ScanResult:
        return ScanResult(name, "fake", error="EmptyFile: zero bytes; expected some; none")

    fake.pool.score = failing
    fake.client.scan(("c", b"333"))
    fake.pool.on_replaced("died")
    text = fake.client.get("/metrics").text
    for line in (
        'upprint_requests_total{method="POST",route="/v1/scan",status="200"} 2.0',
        'upprint_verdicts_total{verdict="no verdict"} 2.0',
        'upprint_errors_total{kind="EmptyFile"} 1.0',
        "upprint_upload_bytes_total 6.0",
        "upprint_picture_seconds_count 3.0",
        'upprint_request_seconds_count{route="/v1/scan"} 3.0',
        'upprint_workers_replaced_total{reason="died"} 1.0',
        "upprint_queue_depth 0.0",
        "upprint_workers_alive 1.0",
    ):
        assert line in text.splitlines()


def test_odd_methods_do_not_multiply_the_labels(fake) -> None:
    for method in ("BREW", "PROPFIND"):
        assert is_problem(fake.client.request(method, "/v1/scan"), 405)
    assert 'method="other"' in fake.client.get("/metrics").text


# --- systems, models, page, description ---------------------------------------------------------------------


def test_systems_are_cards(fake, system: Path) -> None:
    body = fake.client.get("/v1/systems").json()
    assert body["default"] == "tiny"
    (tiny,) = [card for card in body["systems"] if card["name"] == "tiny"]
    read = SystemCard.from_json(json.dumps(tiny))
    assert read == SystemCard.read(system.with_suffix(".json"))


def test_model_files_are_served_by_name_only(fake, system: Path) -> None:
    assert fake.client.get("/models/tiny.onnx").content == system.read_bytes()
    card = fake.client.get("/models/tiny.json")
    assert card.json()["name"] == "tiny"
    assert card.headers["content-type"].startswith("application/json")
    for name in ("tiny", "..%2Ftiny.json", "%2Fetc%2Fpasswd", "other.onnx"):
        assert fake.client.get(f"/models/{name}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "settings"),
    [
        ({}, {"fpr": "0.01", "tiles": 9}),
        ({"fpr": 0.001, "tiles": "all"}, {"fpr": "0.001", "tiles": "all"}),
        ({"tiles": 2}, {"fpr": "0.01", "tiles": 2}),
    ],
)
def test_the_page_is_told_what_the_service_was_started_with(runner, helpers, system, asked, settings) -> None:
    app = create_app(Settings.resolve(system, **asked), pool=helpers.FakePool())
    response = helpers.Client(runner, app).get("/settings.json")
    assert response.json() == {"system": "tiny"} | settings
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"


def test_the_page_gets_the_calibration_in_force(runner, helpers, settings) -> None:
    own = replace(settings.card.calibration, bias=7.5, data="my photos")
    changed = replace(settings, card=replace(settings.card, calibration=own))
    app = create_app(changed, pool=helpers.FakePool())
    card = SystemCard.from_json(helpers.Client(runner, app).get("/models/tiny.json").text)
    assert card == changed.card


def test_without_a_page_that_is_said_and_the_api_works(fake, tmp_path: Path) -> None:
    client = fake.make(site=Pages(tmp_path / "none"))
    response = client.get("/")
    assert response.status_code == 404
    assert "The page is not installed" in response.text
    assert response.headers["content-type"].startswith("text/html")
    assert is_problem(client.get("/index.html"), 404)
    assert client.scan(("a", b"1")).status_code == 200


def test_the_page_is_served_with_its_types_and_nothing_beside_it(fake, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "assets").mkdir(parents=True)
    (tmp_path / "outside.txt").write_text("outside")
    (site / "index.html").write_text("<!doctype html>page")
    for name in ("a.js", "a.mjs", "a.wasm", "a.wasm.gz"):
        (site / "assets" / name).write_text("x")
    client = fake.make(site=Pages(site))
    page = client.get("/")
    assert (page.status_code, page.text) == (200, "<!doctype html>page")
    assert "'unsafe-inline'" not in page.headers["content-security-policy"]
    assert "script-src 'self' 'wasm-unsafe-eval'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-cache"
    assert client.request("HEAD", "/index.html").status_code == 200
    names = ("a.js", "a.mjs", "a.wasm", "a.wasm.gz")
    types = {name: client.get(f"/assets/{name}").headers["content-type"] for name in names}
    assert types["a.js"].startswith("text/javascript")
    assert types["a.mjs"].startswith("text/javascript")
    assert types["a.wasm"] == "application/wasm"
    assert types["a.wasm.gz"] == "application/gzip"
    assert "content-encoding" not in client.get("/assets/a.wasm.gz").headers
    for path in ("/%2e%2e/outside.txt", "/..%2foutside.txt", "/assets/../../outside.txt", "/none.html"):
        assert client.get(path).status_code == 404
    assert is_problem(client.get("/v1/scan"), 405, "POST")


def test_the_description_has_examples_and_needs_no_other_site(fake) -> None:
    described = fake.client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/v1/scan", "/v1/systems", "/healthz", "/readyz", "/metrics"}
    scan = described["paths"]["/v1/scan"]["post"]
    assert set(scan["requestBody"]["content"]) == {
        "multipart/form-data",
        "image/*",
        "application/octet-stream",
    }
    assert set(scan["responses"]) >= {"200", "400", "401", "408", "413", "415", "429", "503"}
    example = scan["responses"]["200"]["content"]["application/json"]["example"]["results"]
    assert [tuple(row) for row in example] == [ScanResult.columns()] * 2
    properties = described["components"]["schemas"]["ScanResult"]["properties"]
    assert tuple(properties) == ScanResult.columns()
    assert is_problem(fake.client.get("/docs"), 404)
