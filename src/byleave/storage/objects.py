"""Objects below an address such as ``s3://bucket/folder``: listed, fetched, put, and one that is written only where nothing stands.

Who we are is found as everybody else finds it: from the ``AWS_*`` variables of the process, or from the role of the machine. A process that holds
an :class:`ObjectFolder` holds an address and no secret, so it may travel between machines and be printed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

from byleave.errors import (
    ByleaveError,
    ConflictError,
    FormatError,
    InputError,
    MissingExtraError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from byleave.settings import MIB

SCHEME: Final = "s3://"
CHUNK_BYTES: Final = 8 * MIB
FETCH_BYTES: Final = 32 * MIB
"""Fetched by one request: less than what a slow line carries before the client gives a request up."""

AT_ONCE: Final = 4
"""Parts of one object on their way at a time: with :data:`CHUNK_BYTES` the memory one transfer takes."""

MOST_PARTS: Final = 10_000
"""Parts of one upload, the bound of S3."""

PATIENCE: Final = timedelta(seconds=60)
"""How long a request is tried again before the service counts as gone."""

_RETRIES: Final = 6
_MOST_DETAIL = 200
_NO_CREDENTIALS = ("169.254.169.254", "latest/api/token", "meta-data", "credential")
"""What errors hold where nothing says who we are: the client asked the machine for a role."""

_REFUSED = ("status code: 401", "status code: 403", "<Code>ExpiredToken<")
"""What errors hold where the service refuses a listing, for which the client has no kind of its own."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One object: its name below the folder, its size in bytes, and the tag that changes with its content."""

    name: str
    size: int
    tag: str | None


@dataclass(frozen=True, slots=True)
class ObjectFolder:
    """All objects whose names begin with one address.

    url
        ``s3://bucket/folder`` without a slash at its end; the folder may be left out.
    """

    url: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Read an address.

        Raises
        ------
        InputError
            If it names no bucket, or parts of it could be read as another place.
        """
        bucket, _, folder = text.removeprefix(SCHEME).partition("/")
        parts = folder.rstrip("/").split("/") if folder.rstrip("/") else []
        if not text.startswith(SCHEME) or not bucket or any(part in {"", ".", ".."} for part in parts):
            raise InputError(f"{text[:200]!r} is no address of objects", remedy="write s3://bucket/folder")
        return cls(SCHEME + "/".join([bucket, *parts]))

    @property
    def parent(self) -> ObjectFolder:
        """The folder above; of a whole bucket the bucket itself."""
        above, _, _ = self.url.removeprefix(SCHEME).rpartition("/")
        return ObjectFolder(SCHEME + above) if above else self

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]

    def __str__(self) -> str:
        return self.url

    def listed(self) -> Iterator[Stored]:
        """Yield every object in the order of names."""
        with _told(self.url):
            for batch in _client().list(_store(self.url)):
                for fact in batch:
                    yield Stored(fact["path"], fact["size"], fact["e_tag"])

    def find(self, name: str) -> Stored | None:
        """Return what is known of one object, or ``None`` if it is not there."""
        try:
            with _told(self.url):
                fact = _client().head(_store(self.url), name)
        except NotFoundError:
            return None
        return Stored(name, fact["size"], fact["e_tag"])

    def read(self, name: str, most: int) -> bytes:
        """Return the content of an object of at most ``most`` bytes.

        Raises
        ------
        NotFoundError, FormatError
            If it is not there, or longer.
        """
        with _told(f"{self.url}/{name}"):
            found = _client().get(_store(self.url), name)
            if found.meta["size"] > most:
                raise FormatError(
                    f"{self.url}/{name} is longer than {most:,} bytes",
                    remedy="give the file as it was written",
                )
            return bytes(found.bytes())

    def piece(self, stored: Stored, begin: int, length: int) -> bytes:
        """Return at most ``length`` bytes of an object from ``begin`` on."""
        wanted = min(length, stored.size - begin)
        if wanted <= 0:
            return b""
        with _told(f"{self.url}/{stored.name}"):
            return bytes(_client().get_range(_store(self.url), stored.name, start=begin, length=wanted))

    def fetch(self, stored: Stored, path: Path) -> str:
        """Write an object to a file, if it still is what was listed; return its SHA-256 (hex).

        Raises
        ------
        ConflictError
            If it changed since it was listed.
        """
        digest, where = hashlib.sha256(), f"{self.url}/{stored.name}"
        wanted: dict[str, Any] = {"if_match": stored.tag} if stored.tag else {}
        with _told(where), path.open("wb") as file:
            for begin in range(0, stored.size, FETCH_BYTES):
                span = begin, min(begin + FETCH_BYTES, stored.size)
                found = _client().get(_store(self.url), stored.name, options=wanted | {"range": span})
                content = found.bytes()
                digest.update(content)
                file.write(content)
        if path.stat().st_size != stored.size:
            raise _changed(where)
        return digest.hexdigest()

    def put(self, name: str, path: Path) -> None:
        """Let an object hold the bytes of a file. It appears at once, in place of one that stands there."""
        chunk = max(CHUNK_BYTES, -(-path.stat().st_size // MOST_PARTS))
        with _told(f"{self.url}/{name}"):
            _client().put(_store(self.url), name, path, chunk_size=chunk, max_concurrency=AT_ONCE)

    def write(self, name: str, content: bytes) -> None:
        """Let a small object hold ``content``, in place of one that stands there."""
        with _told(f"{self.url}/{name}"):
            _client().put(_store(self.url), name, content, use_multipart=False)

    def create(self, name: str, content: bytes) -> bool:
        """Write a small object if nothing stands there, by one conditional put; return whether it holds ``content`` now.

        A put whose answer was lost is sent again and then finds its own object: the same content counts as written.
        """
        with _told(f"{self.url}/{name}"):
            try:
                _client().put(_store(self.url), name, content, mode="create", use_multipart=False)
            except _errors().AlreadyExistsError:
                return bytes(_client().get(_store(self.url), name).bytes()) == content
        return True

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects; those that are not there are passed over."""
        wanted = list(names)
        with _told(self.url):
            if wanted:
                _client().delete(_store(self.url), wanted)


def is_address(text: str) -> bool:
    """Whether a text is meant as an address of objects."""
    return text.startswith(SCHEME)


def _client() -> Any:
    try:
        import obstore
    except ImportError as error:
        raise MissingExtraError(
            "reading and writing s3:// is not installed", remedy="install byleave[ray]"
        ) from error
    return obstore


def _errors() -> Any:
    _client()
    from obstore import exceptions

    return exceptions


@lru_cache(maxsize=16)
def _store(url: str) -> Any:
    _client()
    from obstore.store import S3Store

    backoff: Any = {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=10),
        "base": 2,
    }
    return S3Store.from_url(
        url,
        # The service compares what arrived with what was sent. Options of the client, given here, would hide AWS_ALLOW_HTTP.
        config={"checksum_algorithm": "SHA256"},
        retry_config={"max_retries": _RETRIES, "retry_timeout": PATIENCE, "backoff": backoff},
    )


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Say in our words what the service answered."""
    errors = _errors()
    try:
        yield
    except (errors.BaseError, FileNotFoundError) as error:
        raise _error(where, error) from error


def _error(where: str, error: Exception) -> ByleaveError:
    errors, text = _errors(), str(error)
    bucket = where.removeprefix(SCHEME).partition("/")[0]
    if "NoSuchBucket" in text:
        return NotFoundError(f"there is no bucket {bucket!r}", remedy="make it, or correct the address")
    if isinstance(error, errors.PreconditionError):
        return _changed(where)
    if isinstance(error, FileNotFoundError | errors.NotFoundError):
        return NotFoundError(f"{where} is not there", remedy="correct the address")
    asked_for_role = any(word in text for word in _NO_CREDENTIALS)
    refused = any(word in text for word in _REFUSED) and not asked_for_role
    if refused or isinstance(error, errors.PermissionDeniedError | errors.UnauthenticatedError):
        return RefusedError(
            f"{where}: the storage refuses us", remedy="give these credentials the right to it, or use others"
        )
    if asked_for_role:
        return RefusedError(
            f"{where}: nothing says who we are",
            remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where the machine has a role",
        )
    detail = (text.splitlines() or [type(error).__name__])[0][:_MOST_DETAIL]
    return UnavailableError(
        f"{where} cannot be reached: {detail}",
        remedy="run the same command again once the storage answers; look at AWS_ENDPOINT_URL, AWS_REGION and, for http, AWS_ALLOW_HTTP",
    )


def _changed(where: str) -> ConflictError:
    return ConflictError(f"{where} changed while it was read", remedy="run the same command again")
