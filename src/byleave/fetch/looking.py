"""One look at a page: what came back, whatever its status, and which redirects may be followed on the way."""

from __future__ import annotations

import threading
import time
import zlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from byleave.errors import FormatError, UnavailableError

HOSTS_REMEMBERED: Final = 4_096
_PACKED: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""Encodings that are unpacked although none was asked for, with zlib's word for each."""

MayFollow = Callable[[httpx.URL, httpx.URL], bool]
"""Whether a redirect from the first place to the second is followed."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a server answered.

    url
        Where the answer came from, after redirects that were followed.
    headers
        By lower-case name; of a header given several times, all values, divided by a comma.
    seconds
        How long it took in all.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    requests: int = 1

    @property
    def ok(self) -> bool:
        """Whether the server says that this is the thing asked for."""
        return self.status == httpx.codes.OK


def anywhere(before: httpx.URL, after: httpx.URL) -> bool:  # noqa: ARG001 - one of two rules with the same shape
    """Follow every redirect; each is checked like a first link."""
    return True


def same_host(before: httpx.URL, after: httpx.URL) -> bool:
    """Follow a redirect on one host, to its own ``www.``, or from http to https: an open redirect elsewhere then shows nothing."""
    upgraded = (before.scheme, after.scheme) == ("http", "https")
    same_name = after.host in (before.host, f"www.{before.host}")
    if not same_name or not (before.scheme == after.scheme or upgraded):
        return False
    return before.port == after.port or (upgraded and before.port is None and after.port is None)


class Pace:
    """Lets one host be asked so often a minute and no oftener, whoever wants it."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, host: str) -> None:
        """Count one request.

        Raises
        ------
        UnavailableError
            If the host was asked often enough in the last minute.
        """
        now = self._clock()
        with self._lock:
            asked = self._asked.setdefault(host, deque())
            self._asked.move_to_end(host)
            while len(self._asked) > HOSTS_REMEMBERED:
                self._asked.popitem(last=False)
            while asked and asked[0] <= now - 60:
                asked.popleft()
            if len(asked) >= self._per_minute:
                raise UnavailableError(
                    f"{host} was asked {self._per_minute} times within a minute", remedy="wait a minute"
                )
            asked.append(now)


def unpacked(chunks: Iterable[bytes], encoding: str, most: int) -> bytes:
    """Join a body, undoing a packing that was not asked for; ``most`` bounds the unpacked bytes as well.

    Raises
    ------
    FormatError
        If it is too long, packed in another way, or cannot be unpacked.
    """
    word = encoding.strip().lower()
    if word in {"", "identity"}:
        return b"".join(chunks)
    if word not in _PACKED:
        raise FormatError(f"the answer is packed as {word[:40]!r}", remedy="send it as it is")
    unpacker = zlib.decompressobj(_PACKED[word])
    out = bytearray()
    try:
        for chunk in chunks:
            out += unpacker.decompress(chunk, most + 1 - len(out))
            if len(out) > most:
                raise FormatError(f"the answer unpacks to more than {most} bytes", remedy="check the link")
    except zlib.error as error:
        raise FormatError("the answer cannot be unpacked", remedy="send it as it is") from error
    if not unpacker.eof:
        raise FormatError("the packed answer ends early", remedy="send it as it is")
    return bytes(out)
