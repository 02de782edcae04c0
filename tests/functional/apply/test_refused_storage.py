"""A storage that refuses our credentials, which the server of the other tests never does."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from uuid import uuid4

import pytest
from tests.objects import KEYS

from byleave.errors import RefusedError
from byleave.storage.objects import ObjectFolder

pytestmark = pytest.mark.functional

ANSWERS = {
    "unknown key": (403, "InvalidAccessKeyId"),
    "no right": (403, "AccessDenied"),
    "old token": (400, "ExpiredToken"),
}


class Refusing(BaseHTTPRequestHandler):
    """Answers every request with one error, as S3 does."""

    answer: ClassVar[tuple[int, str]]

    def do_GET(self) -> None:
        status, code = self.answer
        content = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>No.</Message></Error>'.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture(params=ANSWERS)
def refusing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectFolder]:
    handler = type("OneAnswer", (Refusing,), {"answer": ANSWERS[request.param]})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        yield ObjectFolder.of(f"s3://bucket-{uuid4().hex}/in")
        server.shutdown()


def test_a_listing_that_is_refused_is_a_refusal_and_no_storage_out_of_reach(refusing: ObjectFolder) -> None:
    with pytest.raises(RefusedError, match="the storage refuses us") as told:
        list(refusing.listed())
    assert "credentials" in told.value.remedy


def test_what_may_not_be_written_is_a_refusal(refusing: ObjectFolder, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"content")
    with pytest.raises(RefusedError, match="the storage refuses us"):
        refusing.put("part", tmp_path / "part")
