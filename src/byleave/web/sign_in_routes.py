"""Signing in by a link in an e-mail, confirmed by a button; signing out; and, in a demo on this machine, the outbox."""

from __future__ import annotations

import re
from typing import Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from byleave.errors import InputError, NotFoundError
from byleave.registry.mail import waiting_messages
from byleave.registry.permissions import Act
from byleave.registry.sign_in import address_of_link, send_link, sign_out, use_link
from byleave.web.forms import CheckedForm
from byleave.web.rendering import go, page
from byleave.web.rules import OpenToAll
from byleave.web.site import TheSite, is_loopback
from byleave.web.visitors import SESSION_COOKIE, TheVisitor, forget_session, remember_session

router = APIRouter(dependencies=[Depends(OpenToAll(Act.SIGN_IN))], include_in_schema=False)

AFTER_SIGN_IN: Final = "/choices"
MOST_PATH: Final = 16_000
_LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_LINK = re.compile(r"https?://\S+")


@router.get("/sign-in")
def sign_in(request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Ask for an e-mail address."""
    next_path = local_path(request.query_params.get("next", ""))
    if visitor.person is not None:
        return go(next_path)
    return page(request, site, visitor, "sign_in.html", next_path=next_path)


@router.post("/sign-in")
def send(request: Request, site: TheSite, form: CheckedForm) -> Response:
    """Send a link. The answer is the same whether the address is known here or not."""
    next_path = local_path(form.text("next"))
    confirm = f"{request.url.scheme}://{request.headers['host']}/sign-in/confirm"
    with site.database.transaction() as session:
        send_link(
            session,
            form.text("email"),
            confirm_url=confirm,
            next_path=next_path,
            post=site.post,
            secret=site.secret,
            at=site.clock(),
        )
    return go("/sign-in/sent")


@router.get("/sign-in/sent")
def sent(request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Say that a link is on its way."""
    return page(request, site, visitor, "sign_in_sent.html")


@router.get("/sign-in/confirm")
def confirm(request: Request, site: TheSite, visitor: TheVisitor, code: str = "") -> Response:
    """Show the button that uses a link. Opening the page uses nothing: programs that look into mail open links, too."""
    with site.database.transaction() as session:
        email = address_of_link(session, code, at=site.clock())
    if email is None:
        raise _dead_link()
    return page(request, site, visitor, "sign_in_confirm.html", code=code, email=email)


@router.post("/sign-in/confirm")
def use(request: Request, site: TheSite, form: CheckedForm) -> Response:
    """Use a link, once, and go on to where its reader was."""
    with site.database.transaction() as session:
        fresh = use_link(session, form.text("code"), at=site.clock())
    if fresh is None:
        raise _dead_link()
    response = go(local_path(fresh.next_path))
    remember_session(response, fresh.cookie, request)
    return response


@router.post("/sign-out")
def leave(request: Request, site: TheSite, _: CheckedForm) -> Response:
    """End the session."""
    with site.database.transaction() as session:
        sign_out(session, request.cookies.get(SESSION_COOKIE, ""))
    response = go("/")
    forget_session(response, request)
    return response


@router.get("/outbox")
def outbox(request: Request, site: TheSite, visitor: TheVisitor) -> Response:
    """Show mail instead of sending it: in a demo, to this machine alone. Anywhere else there is no such page."""
    named = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    from_here = request.client is not None and is_loopback(request.client.host)
    if not (site.shows_outbox and is_loopback(named) and from_here):
        raise NotFoundError("there is no such page", remedy="go back to the search")
    with site.database.transaction() as session:
        messages = waiting_messages(session)
    shown = [(message, _split(message.body)) for message in messages]
    return page(request, site, visitor, "outbox.html", messages=shown)


def local_path(path: str) -> str:
    """Return ``path`` if it leads to a page of this site, else where people go after signing in."""
    return path if len(path) <= MOST_PATH and _LOCAL_PATH.fullmatch(path) else AFTER_SIGN_IN


def _split(body: str) -> tuple[str, str, str]:
    found = _LINK.search(body)
    return (body[: found.start()], found.group(), body[found.end() :]) if found else (body, "", "")


def _dead_link() -> InputError:
    return InputError(
        "this link does not work any more: it works once, and for 15 minutes",
        remedy="ask for a new one by signing in again",
    )
