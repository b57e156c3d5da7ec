"""Bodies: multipart and raw, whole and hostile, however they are cut into chunks."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from upprint.serve.limits import Limits
from upprint.serve.problems import Problem
from upprint.serve.uploads import Disconnected, Upload, check_headers, read

LIMITS = Limits(body=100_000, files=4, receive=5, idle=0.2)
BOUNDARY = b"xyz"


def form(*files: tuple[bytes, bytes], name: bytes = b"files", end: bytes = b"--xyz--\r\n") -> bytes:
    parts = [
        b'--xyz\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n'
        b"Content-Type: image/png\r\n\r\n%b\r\n" % (name, filename, data)
        for filename, data in files
    ]
    return b"".join(parts) + end


def receive_from(chunks: Iterable[bytes], *, leave: bool = False, stall: bool = False):
    pending = list(chunks)

    async def receive() -> dict[str, object]:
        if pending:
            chunk = pending.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(pending) or leave or stall}
        if stall:
            await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    return receive


def parse(*chunks: bytes, boundary: bytes | None = BOUNDARY, limits: Limits = LIMITS, **more) -> list[Upload]:
    return asyncio.run(read(receive_from(chunks, **more), boundary, limits))


def problem(*chunks: bytes, **more) -> Problem:
    with pytest.raises(Problem) as caught:
        parse(*chunks, **more)
    return caught.value


@given(
    files=st.lists(
        st.tuples(st.from_regex(rb"[a-zA-Z0-9. _-]{1,20}", fullmatch=True), st.binary()), max_size=4
    )
    .filter(bool)
    .filter(lambda files: all(b"\r\n--xyz" not in b"\r\n" + data for _, data in files)),
    cuts=st.lists(st.integers(0, 2000), max_size=12),
)
@settings(deadline=None)
def test_files_come_out_as_they_were_however_the_body_is_cut(
    files: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    body = form(*files)
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    chunks = [body[start:end] for start, end in itertools.pairwise(edges)]
    found = parse(*chunks)
    assert [(upload.name.encode(), bytes(upload.data)) for upload in found] == files


def test_a_file_that_looks_like_a_boundary_is_kept_byte_by_byte() -> None:
    data = b"\r\n--xy\r\n--xyX\r\n--" * 50 + b"\r\n-"
    body = form((b"a", data))
    (whole,) = parse(*(body[i : i + 1] for i in range(len(body))))
    assert bytes(whole.data) == data


def test_names_are_taken_as_they_are_and_made_up_where_there_is_none() -> None:
    names = ("фото \u5199.png".encode(), b"", b"not-utf8-\xff.png", b"../../etc/passwd")
    assert [upload.name for upload in parse(form(*((name, b"1") for name in names)))] == [
        "фото \u5199.png",
        "files[1]",
        "not-utf8-\ufffd.png",
        "../../etc/passwd",
    ]


def test_a_raw_body_is_one_picture() -> None:
    (upload,) = parse(b"abc", b"", b"def", boundary=None)
    assert (upload.name, bytes(upload.data)) == ("body", b"abcdef")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "ends before its closing boundary"),
        (b"no multipart at all", "malformed"),
        (form(), "the form is empty"),
        (form((b"a", b"1"), end=b""), "ends before its closing boundary"),
        (form((b"a", b"1"))[:-9], "ends before its closing boundary"),
        (form((b"a", b"1"), name=b"image"), "a field 'image', expected only 'files'"),
        (b"--xyz\r\n\r\n1\r\n--xyz--\r\n", "a field '', expected only 'files'"),
        (b"--xyz\r\n" + b"A: 1\r\n" * 100 + b"\r\n1\r\n--xyz--", "malformed"),
        (b"--xyz\r\nA: " + b"1" * 50_000 + b"\r\n\r\n1\r\n--xyz--", "malformed"),
        (b"--xyz\r\nContent-Disposition\r\n\r\n1\r\n--xyz--", "malformed"),
    ],
)
def test_malformed_forms_are_refused(body: bytes, words: str) -> None:
    refused = problem(body)
    assert refused.status == 400
    assert words in refused.detail


def test_an_empty_raw_body_is_refused() -> None:
    refused = problem(b"", boundary=None)
    assert refused.status == 400
    assert "the body is empty, expected multipart/form-data" in refused.detail


def test_the_size_limit_holds_for_what_arrives() -> None:
    for boundary in (None, BOUNDARY):
        start = form((b"a", b""), end=b"")[:-2]
        chunks = [start, *([b"x" * 1000] * 200)]
        taken: list[int] = []
        source = receive_from(chunks)

        async def receive(source=source, taken=taken) -> dict[str, object]:
            message = await source()
            taken.append(len(message["body"]))
            return message

        with pytest.raises(Problem) as caught:
            asyncio.run(read(receive, boundary, LIMITS))
        assert caught.value.status == 413
        assert "more than 100,000 bytes" in caught.value.detail
        assert sum(taken) <= 101_000
    assert len(parse(b"x" * 100_000, boundary=None)[0].data) == 100_000


def test_the_number_of_files_is_limited() -> None:
    assert len(parse(form(*[(b"a", b"1")] * 4))) == 4
    refused = problem(form(*[(b"a", b"1")] * 5))
    assert refused.status == 413
    assert "more than 4 files" in refused.detail


def test_a_body_that_stalls_is_given_up() -> None:
    assert problem(b"abc", boundary=None, stall=True).status == 408


def test_a_body_that_drips_is_given_up() -> None:
    async def receive() -> dict[str, object]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(Problem) as caught:
        asyncio.run(read(receive, None, Limits(receive=0.3, idle=0.2)))
    assert caught.value.status == 408


def test_a_client_that_leaves_is_no_problem() -> None:
    with pytest.raises(Disconnected):
        parse(b"abc", boundary=None, leave=True)


def headers(kind: str | None, **more: str) -> Headers:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return Headers(({} if kind is None else {"content-type": kind}) | named)


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("image/jpeg", None),
        ("IMAGE/x-anything", None),
        ("application/octet-stream", None),
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=x; boundary="a b"', b"a b"),
    ],
)
def test_content_types_that_are_taken(kind: str, boundary: bytes | None) -> None:
    assert check_headers(headers(kind), LIMITS) == boundary


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (headers(None), 415),
        (headers("text/plain"), 415),
        (headers("application/json"), 415),
        (headers("application/x-www-form-urlencoded"), 415),
        (headers("image/png", content_encoding="gzip"), 415),
        (headers("multipart/form-data"), 400),
        (headers("multipart/form-data; boundary="), 400),
        (headers(f"multipart/form-data; boundary={'b' * 71}"), 400),
        (headers("image/png", content_length="100001"), 413),
        (headers("image/png", content_length="9" * 40), 413),
    ],
)
def test_headers_that_are_refused(given: Headers, status: int) -> None:
    with pytest.raises(Problem) as caught:
        check_headers(given, LIMITS)
    assert caught.value.status == status


def test_a_length_that_says_nothing_is_left_to_the_body() -> None:
    for length in ("100000", "-5", "many", "\xb2"):
        check_headers(headers("image/png", content_length=length), LIMITS)
