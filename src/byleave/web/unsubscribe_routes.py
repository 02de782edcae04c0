"""The link at the end of the monthly mail: a page with one button, and the one press of mail programs (RFC 8058)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import PlainTextResponse, Response

from byleave.errors import NotFoundError
from byleave.registry.permissions import Act
from byleave.registry.unsubscribing import account_of_code, end_monthly_mail, unsubscribe_code
from byleave.settings import Settings
from byleave.web.rendering import go, page
from byleave.web.rules import OpenToAll
from byleave.web.security import UNSUBSCRIBE_PATH
from byleave.web.site import TheSite, site_secret
from byleave.web.visitors import TheVisitor

router = APIRouter(include_in_schema=False)

ByMail = Depends(OpenToAll(Act.SIGN_IN))


def coded_account(site: TheSite, code: str = "") -> uuid.UUID:
    """Return whose mail a code ends.

    Raises
    ------
    NotFoundError
        If this site did not make the code.
    """
    account = account_of_code(site.secret, code)
    if account is None:
        raise NotFoundError("this link is not whole", remedy="copy all of it from the mail")
    return account


CodedAccount = Annotated[uuid.UUID, Depends(coded_account)]


@router.get(UNSUBSCRIBE_PATH, dependencies=[ByMail])
def ask(
    request: Request, site: TheSite, visitor: TheVisitor, _: CodedAccount, code: str, done: str = ""
) -> Response:
    """Show the button that ends the mail. Opening the page ends nothing: mail programs open links by themselves."""
    return page(request, site, visitor, "unsubscribe.html", code=code, is_done=done == "yes")


@router.post(UNSUBSCRIBE_PATH, dependencies=[ByMail])
def end(site: TheSite, account: CodedAccount, code: str, page: str = "") -> Response:
    """End the mail. Programs are told so where they ask; browsers go back to the page."""
    with site.database.transaction() as session:
        end_monthly_mail(session, account, at=site.clock())
    if page:
        return go(f"{UNSUBSCRIBE_PATH}?code={code}&done=yes")
    return PlainTextResponse("This mail has ended.\n")


def unsubscribe_links(settings: Settings) -> Callable[[uuid.UUID], str] | None:
    """Return what makes the links, or ``None`` for a site that has no name but this machine's."""
    if not settings.allowed_hosts:
        return None
    address, secret = f"https://{settings.allowed_hosts[0]}{UNSUBSCRIBE_PATH}", site_secret(settings)
    return lambda account: f"{address}?code={unsubscribe_code(secret, account)}"
