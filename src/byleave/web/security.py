"""What every answer carries and every request must pass, before any page is reached."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from byleave.errors import ByleaveError, InputError, RefusedError
from byleave.settings import Settings

log = logging.getLogger("byleave.web")

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_BYTES: Final = 256 * 1024
"""Most that a form or a JSON body without a picture may take."""

UPLOAD_PATHS: Final = frozenset(
    {
        "/search/picture",
        "/choices/picture",
        "/choices/copies",
        "/proofs/credentials",
        "/proofs/original",
        "/api/v1/search/picture",
    }
)
KEYED_PATHS: Final = frozenset(
    {f"/api/v1/lookup/{kind}s" for kind in ("url", "digest", "item", "fingerprint")}
    | {"/api/v2/query/urls/", "/api/v1/applied", "/api/v1/statements"}
)
"""Where programs ask with a key in a header, which no page elsewhere can make a browser send; they come from no page at all."""

KEYED_FOLDER: Final = "/api/v1/partner/"
"""Below it everything asks for a key."""

KEYED_BYTES: Final = 16 * 1024 * 1024
"""Most that such a request may take: ten thousand links of 1.6 kB each."""

UNSUBSCRIBE_PATH: Final = "/unsubscribe"
"""Where mail programs press a button by themselves: from no page, with a code in the address that opens nothing but this."""

LIST_PATH: Final = "/choices/list"
"""Where long lists are handed in; they go to a file while they come."""

DEVICE_PICTURES: Final = re.compile(r"/choices/draft/[0-9a-f-]{36}/pictures")
"""Where browsers tell of pictures on their device, five hundred at a time."""

DEVICE_BYTES: Final = 2 * 1024 * 1024
"""Most that such a request may take: five hundred match codes of 1.1 kB with long file names."""

UPLOAD_OVERHEAD_BYTES: Final = 64 * 1024
"""What the other fields and the boundaries of an upload may take."""

ErrorPage = Callable[[Request, ByleaveError, int], Response]


class TooLargeError(InputError):
    """A request body beyond its limit."""

    http_status = 413


class OurFaultError(ByleaveError):
    """Something in the site itself broke."""


def content_security_policy(settings: Settings) -> str:
    """Return the policy of every page: nothing from anywhere but this site, nothing inline, never in a frame."""
    pictures = "'self' data: blob:" + (" https:" if settings.remote_pictures else "")
    return (
        f"default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src {pictures}; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


def security_headers(settings: Settings) -> dict[str, str]:
    """Return the headers of every answer."""
    return {
        "content-security-policy": content_security_policy(settings),
        # Not "no-referrer": with it browsers send "Origin: null" on our own forms, and the check below could not tell.
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    }


class Guard:
    """Checks host, origin and size of every request, sets the headers of every answer, and turns faults into pages."""

    def __init__(
        self, app: ASGIApp, *, settings: Settings, host_names: frozenset[str], error_page: ErrorPage
    ) -> None:
        self._app = app
        self._settings = settings
        self._host_names = host_names
        self._error_page = error_page
        self._headers = security_headers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        answer = _Answer(send, self._headers)
        try:
            self._check(request)
            await self._app(scope, _limited(receive, self._body_limit(request)), answer)
        except ByleaveError as refusal:
            await self._tell(request, refusal, refusal.http_status, answer)
        except Exception:
            # The path alone: a query may hold a search or the code of a link.
            log.exception("a fault while answering %s %s", scope["method"], scope["path"])
            fault = OurFaultError(
                "something broke on our side",
                remedy="try again; if it stays so, tell the keeper of this site",
            )
            await self._tell(request, fault, 500, answer)

    def _check(self, request: Request) -> None:
        check_host(request.headers.get("host", ""), self._host_names)
        path = request.url.path
        if request.method not in SAFE_METHODS and not (is_keyed(path) or path == UNSUBSCRIBE_PATH):
            check_origin(request)
        check_length(request.headers, self._body_limit(request))

    def _body_limit(self, request: Request) -> int:
        if request.method in SAFE_METHODS:
            return 0
        if request.url.path in UPLOAD_PATHS:
            return self._settings.limits.picture_bytes + UPLOAD_OVERHEAD_BYTES
        if request.url.path == LIST_PATH:
            return self._settings.limits.csv_bytes + UPLOAD_OVERHEAD_BYTES
        if is_keyed(request.url.path):
            return KEYED_BYTES
        if DEVICE_PICTURES.fullmatch(request.url.path):
            return DEVICE_BYTES
        return FORM_BYTES

    async def _tell(self, request: Request, error: ByleaveError, status: int, answer: _Answer) -> None:
        if answer.begun:
            return
        response = self._error_page(request, error, status)
        await response(request.scope, request.receive, answer)


def is_keyed(path: str) -> bool:
    """Whether a path is for programs with a key alone."""
    return path in KEYED_PATHS or path.startswith(KEYED_FOLDER)


class _Answer:
    """A ``send`` that adds headers and remembers whether an answer was begun."""

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await self._send(message)


def check_host(host: str, allowed: frozenset[str]) -> None:
    """Refuse a ``Host`` that is not ours: a page elsewhere may have pointed its own name at this machine."""
    name = host.lower()
    if not name.endswith("]"):
        head, colon, port = name.rpartition(":")
        if colon and port.isdigit():
            name = head
    if name not in allowed:
        raise RefusedError(
            "this site does not answer to that host name",
            remedy="open it by the address it was started with, or have the keeper set BYLEAVE_ALLOWED_HOSTS",
        )


def check_origin(request: Request) -> None:
    """Refuse a change that was not asked for by a page of this very site."""
    origin = urlsplit(request.headers.get("origin", ""))
    if (origin.scheme, origin.netloc.lower()) != (
        request.url.scheme,
        request.headers.get("host", "").lower(),
    ):
        raise RefusedError(
            "this was not sent from a page of this site, so nothing was changed",
            remedy="open the page here and send it again",
        )


def check_length(headers: Headers, limit: int) -> None:
    """Refuse a body that says it is too large, before any of it is read."""
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > limit:
        raise _too_large(limit)


def _limited(receive: Receive, limit: int) -> Receive:
    """Count a body while it comes in: not every request says how long it is."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > limit:
                raise _too_large(limit)
        return message

    return counted


def _too_large(limit: int) -> TooLargeError:
    if limit == 0:
        return TooLargeError("this request may not carry a body", remedy="send it without one")
    size = f"{limit // (1024 * 1024)} MB" if limit >= 1024 * 1024 else f"{limit // 1024} kB"
    return TooLargeError("that is too large", remedy=f"send at most {size}")
