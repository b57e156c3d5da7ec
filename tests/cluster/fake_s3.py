"""As much of S3 as a scan needs, on the loopback: objects in a dictionary, lists in pages of `PAGE`."""

from __future__ import annotations

import http.server
import itertools
import re
import threading
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 7
_UPLOADS = itertools.count()


class FakeS3(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.requests: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def uri(self, path: str) -> str:
        return f"s3://user:secret@{path}?scheme=http&endpoint_override=127.0.0.1:{self.server_port}&region=x"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeS3

    def log_message(self, *_: object) -> None:
        pass

    def _parts(self) -> tuple[str, str, dict[str, list[str]]]:
        address = urlsplit(self.path)
        self.server.requests.append(f"{self.command} {self.path}")
        bucket, _, key = unquote(address.path).lstrip("/").partition("/")
        return bucket, key, parse_qs(address.query, keep_blank_values=True)

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _xml(self, text: str) -> None:
        self._answer(200, f'<?xml version="1.0"?>{text}'.encode(), Content_Type="application/xml")

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        else:
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return data
        plain = b""
        while data:
            head, _, data = data.partition(b"\r\n")
            size = int(head.split(b";")[0], 16)
            if not size:
                break
            plain, data = plain + data[:size], data[size + 2 :]
        return plain

    def do_HEAD(self) -> None:
        bucket, key, _ = self._parts()
        if not key:
            self._answer(200)
            return
        found = self.server.objects.get(f"{bucket}/{key}")
        if found is None:
            self._answer(404)
        else:
            self._answer(200, Content_Length=str(len(found)), Last_Modified=formatdate(1e9, usegmt=True))

    def do_GET(self) -> None:
        bucket, key, query = self._parts()
        if not key:
            self._list(bucket, query)
            return
        found = self.server.objects.get(f"{bucket}/{key}")
        if found is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if span is None:
            self._answer(200, found)
            return
        first, last = int(span[1]), min(int(span[2] or len(found)), len(found) - 1)
        self._answer(206, found[first : last + 1], Content_Range=f"bytes {first}-{last}/{len(found)}")

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        prefix, cut = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        entries: dict[str, str] = {}
        for name, data in sorted(self.server.objects.items()):
            owner, _, key = name.partition("/")
            if owner != bucket or not key.startswith(prefix):
                continue
            below, slash, _ = key[len(prefix) :].partition(cut) if cut else (key, "", "")
            if slash:
                folder = prefix + below + slash
                entries[folder] = f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>"
            else:
                entries[key] = (
                    f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size>"
                    "<LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>"
                )
        first = int(query.get("continuation-token", ["0"])[0])
        size = min(PAGE, int(query.get("max-keys", [str(PAGE)])[0]))
        page, more = list(entries.values())[first : first + size], first + size < len(entries)
        token = f"<NextContinuationToken>{first + size}</NextContinuationToken>" if more else ""
        self._xml(
            f"<ListBucketResult><Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}"
            f"</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(page)}</ListBucketResult>"
        )

    def do_PUT(self) -> None:
        bucket, key, query = self._parts()
        data = self._body()
        if "uploadId" in query:
            self.server.uploads[query["uploadId"][0]][int(query["partNumber"][0])] = data
        elif key:
            self.server.objects[f"{bucket}/{key}"] = data
        self._answer(200, ETag='"x"')

    def do_POST(self) -> None:
        bucket, key, query = self._parts()
        body = self._body()
        if "uploads" in query:
            name = f"upload{next(_UPLOADS)}"
            self.server.uploads[name] = {}
            self._xml(
                f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
            )
        elif "uploadId" in query:
            parts = self.server.uploads.pop(query["uploadId"][0])
            self.server.objects[f"{bucket}/{key}"] = b"".join(parts[number] for number in sorted(parts))
            self._xml("<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
        else:
            for gone in re.findall(rb"<Key>(.*?)</Key>", body):
                self.server.objects.pop(f"{bucket}/{gone.decode()}", None)
            self._xml("<DeleteResult></DeleteResult>")

    def do_DELETE(self) -> None:
        bucket, key, _ = self._parts()
        self.server.objects.pop(f"{bucket}/{key}", None)
        self._answer(204)
