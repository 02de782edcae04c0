"""Be a witness of other logs (C2SP tlog-witness): remember one checkpoint of each, cosign only what grows out of it. Light.

What is remembered of a log is its last accepted checkpoint note, one file for each log, on the disk before a cosignature is given.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from byleave.errors import ByleaveError, FormatError, UnavailableError
from byleave.log import COSIGNATURE, Checkpoint, VerifierKey, cosign
from byleave.log.lines import text_of
from byleave.log.notes import MAX_NOTE_BYTES, split_note
from byleave.log.witness import (
    MAX_REQUEST_BYTES,
    SIZE_TYPE,
    Accepted,
    AddCheckpoint,
    Answer,
    Conflict,
    Fork,
    Refused,
    add_checkpoint,
)
from byleave.release.keys import SigningKey, load_or_make_key, verify_ed25519
from byleave.settings import Settings
from byleave.storage import write_atomically

ADD_CHECKPOINT = "/add-checkpoint"
_SILENT_S = 10.0
_TEXT = "text/plain; charset=utf-8"

Clock = Callable[[], datetime]


def witness_folder(settings: Settings) -> Path:
    """Return the folder of what this witness remembers."""
    return settings.home / "witness"


def witness_key(settings: Settings) -> SigningKey:
    """Return the key with which this registry cosigns other logs: one for that alone, made on first use."""
    return load_or_make_key(settings.home / "keys" / "witness", f"{settings.origin}/witness")


def cosigning(key: SigningKey) -> VerifierKey:
    """Return a witness key's public face: a key of the type for cosignatures."""
    return VerifierKey(key.verifier.name, key.verifier.public, COSIGNATURE)


class Witness:
    """Answers requests to cosign, one at a time. The folder must belong to this witness alone."""

    def __init__(self, folder: Path, key: SigningKey, logs: Sequence[VerifierKey]) -> None:
        self._folder = folder
        self._key = key
        self._logs = tuple(logs)
        self._lock = Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def answer(self, body: bytes, *, now: datetime) -> tuple[int, str, bytes]:
        """Return status, content type and body for a request's body.

        A checkpoint that shows a fork is kept beside the one held: two signatures of one log that cannot both be honest.
        """
        try:
            request = AddCheckpoint.parse(body)
        except FormatError as error:
            return 400, _TEXT, f"{error.problem}\n".encode()
        keys = [key for key in self._logs if key.name == request.origin]
        with self._lock:
            found = add_checkpoint(self._held(request.origin), request, keys, verify_ed25519)
            if isinstance(found, Accepted):
                write_atomically(self._path(request.origin), request.checkpoint.encode())
            elif isinstance(found, Fork):
                digest = hashlib.sha256(request.checkpoint.encode()).hexdigest()[:16]
                write_atomically(
                    self._path(request.origin).with_suffix(f".fork-{digest}"), request.checkpoint.encode()
                )
        return found.status, *self._body(found, request, now)

    def _body(self, found: Answer, request: AddCheckpoint, now: datetime) -> tuple[str, bytes]:
        match found:
            case Accepted():
                text, _ = split_note(request.checkpoint)
                return _TEXT, cosign(text, cosigning(self._key), self._key.private.sign, now=now).encode()
            case Conflict() | Fork():
                return SIZE_TYPE, found.body()
            case Refused():
                return _TEXT, f"{found.reason.value}\n".encode()

    def _held(self, origin: str) -> Checkpoint | None:
        try:
            content = self._path(origin).read_bytes()
        except FileNotFoundError:
            return None
        note = text_of(content, limit=MAX_NOTE_BYTES, what="the remembered checkpoint")
        return Checkpoint.parse(split_note(note)[0])

    def _path(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness over HTTP, for ``POST /add-checkpoint`` and nothing else."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness, clock: Clock) -> None:
        self.witness = witness
        self.clock = clock
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            raise UnavailableError(
                f"port {address[1]} cannot be taken: {error.strerror}", remedy="name another with --port"
            ) from error


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    timeout = _SILENT_S
    server_version = "byleave-witness"
    sys_version = ""

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path != ADD_CHECKPOINT:
            self._reply(404, _TEXT, b"send checkpoints to /add-checkpoint\n")
        elif not length.isdecimal() or len(length) > 9 or int(length) > MAX_REQUEST_BYTES:
            self._reply(413, _TEXT, b"send at most what a checkpoint and its proof need\n")
        else:
            try:
                answer = self.server.witness.answer(self.rfile.read(int(length)), now=self.server.clock())
            except ByleaveError as error:
                answer = 500, _TEXT, f"{error.problem}\n".encode()
            self._reply(*answer)

    def do_GET(self) -> None:
        self._reply(404, _TEXT, b"send checkpoints to /add-checkpoint\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: nobody asked to be remembered."""

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)
