"""Taking in a long file: it goes to a private folder of this site while it comes, never into memory, and stays until it is read."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from byleave.errors import InputError, RefusedError
from byleave.web.forms import MOST_FIELDS, Form
from byleave.web.site import Site, TheSite
from byleave.web.visitors import TOKEN_FIELD, TheVisitor

_BLOCK: Final = 1024 * 1024


class UploadedForm:
    """A form whose token was right, with the file it brought, if any."""

    def __init__(self, form: Form, path: Path | None, name: str) -> None:
        self.form = form
        self.path = path
        self.name = name


async def checked_upload(request: Request, site: TheSite, visitor: TheVisitor) -> UploadedForm:
    """Read a form with one long file and check its token, as :func:`byleave.web.forms.checked_form` does for short ones."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise RefusedError(f"a file is not sent as {kind[:80] or 'nothing'}", remedy="send it from its page")
    try:
        data = await MultiPartParser(
            request.headers, request.stream(), max_files=1, max_fields=MOST_FIELDS
        ).parse()
    except MultiPartException as error:
        raise InputError(
            f"this form cannot be read: {error.message}", remedy="load the page again"
        ) from error
    try:
        token = data.get(TOKEN_FIELD)
        visitor.check_token(token if isinstance(token, str) else "")
        file = data.get("file")
        if not isinstance(file, UploadFile) or not file.size:
            return UploadedForm(Form(data), None, "")
        path = await run_in_threadpool(_keep, site, file)
        return UploadedForm(Form(data), path, (file.filename or "list")[:200])
    finally:
        await data.close()


def _keep(site: Site, file: UploadFile) -> Path:
    folder = uploads_folder(site.settings.home)
    path = folder / secrets.token_hex(16)
    with path.open("xb") as out:
        while block := file.file.read(_BLOCK):
            out.write(block)
    return path


def uploads_folder(home: Path) -> Path:
    """Return the private folder where files wait to be read."""
    folder = home / "handed-in"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


CheckedUpload = Annotated[UploadedForm, Depends(checked_upload)]
