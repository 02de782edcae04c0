"""Reading what a browser sends: in memory only, within limits, and with the token its form was given."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import FormData, QueryParams, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from byleave.errors import InputError, RefusedError
from byleave.web.visitors import TOKEN_FIELD, TOKEN_HEADER, TheVisitor

MOST_FIELDS: Final = 500
MOST_FILES: Final = 20
MOST_TEXT: Final = 4000


class _InMemory(MultiPartParser):
    """Never writes an upload to a file: pictures people ask about stay in memory."""

    spool_max_size = 1 << 40


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form whose token was right. ``pictures`` are the files sent with it, as pairs of a name and all bytes."""

    data: FormData
    pictures: tuple[tuple[str, bytes], ...] = ()

    @property
    def picture(self) -> bytes:
        """The first file; empty when none was sent."""
        return self.pictures[0][1] if self.pictures else b""

    @property
    def picture_name(self) -> str:
        """What its sender calls the first file."""
        return self.pictures[0][0] if self.pictures else ""

    def text(self, name: str) -> str:
        """Return a field's text, trimmed; empty when it was not sent."""
        value = self.data.get(name)
        return _within(name, value.strip() if isinstance(value, str) else "", MOST_TEXT)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return every value of a field, in the order sent."""
        return tuple(value for value in self.data.getlist(name) if isinstance(value, str) and value)

    def ticked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return bool(self.text(name))


@dataclass(frozen=True, slots=True)
class AddressFields:
    """The fields of an address, read as those of a form are."""

    query: QueryParams

    def text(self, name: str) -> str:
        """Return a field's text, trimmed; empty when it was not sent."""
        return _within(name, self.query.get(name, "").strip(), MOST_TEXT)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return every value of a field, in the order sent."""
        return tuple(value for value in self.query.getlist(name) if value)


async def checked_form(request: Request, visitor: TheVisitor) -> Form:
    """Read a form and check its token.

    Raises
    ------
    InputError
        If it is no form.
    RefusedError
        If its token is not this browser's.
    """
    data = await _read(request)
    try:
        token = data.get(TOKEN_FIELD)
        visitor.check_token(token if isinstance(token, str) else "")
        sent = [part for part in data.getlist("picture") if isinstance(part, UploadFile)]
        return Form(data, tuple([(part.filename or "", await part.read()) for part in sent]))
    finally:
        await data.close()


def checked_header(request: Request, visitor: TheVisitor) -> None:
    """Check the token of a JSON request, which travels in a header."""
    visitor.check_token(request.headers.get(TOKEN_HEADER, ""))


CheckedForm = Annotated[Form, Depends(checked_form)]


async def _read(request: Request) -> FormData:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            parser = _InMemory(request.headers, _whole(request), max_files=MOST_FILES, max_fields=MOST_FIELDS)
            return await parser.parse()
        if kind == "application/x-www-form-urlencoded":
            return await FormParser(request.headers, _whole(request), max_fields=MOST_FIELDS).parse()
    except MultiPartException as error:
        raise InputError(
            f"this form cannot be read: {error.message}", remedy="load the page again"
        ) from error
    raise RefusedError(f"a form is not sent as {kind[:80] or 'nothing'}", remedy="send it from its page")


async def _whole(request: Request) -> AsyncGenerator[bytes, None]:
    # All of it first: a body that turns out too large then leaves nothing half read behind. The guard bounds its size.
    yield await request.body()
    yield b""


def _within(name: str, text: str, most: int) -> str:
    if len(text) > most:
        raise InputError(f"the field {name!r} is too long", remedy=f"write at most {most} characters")
    return text
