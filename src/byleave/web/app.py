"""Put the site together: the routes, the guard before them, and what they share."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from byleave import __version__
from byleave.catalog import Catalog
from byleave.errors import ByleaveError, InputError, NotFoundError
from byleave.registry.checking import Checks, checks_for
from byleave.registry.database import Database
from byleave.registry.mail import Post
from byleave.registry.mail_server import MailServer
from byleave.settings import Settings
from byleave.web import (
    absence_routes,
    account_data_routes,
    account_routes,
    api_routes,
    changing_routes,
    choice_routes,
    consent_routes,
    copy_routes,
    door_routes,
    draft_routes,
    entry_routes,
    following_routes,
    kept_routes,
    list_in_routes,
    list_routes,
    lookup_routes,
    many_routes,
    organisation_routes,
    original_routes,
    partner_proof_routes,
    partner_routes,
    passkey_routes,
    proof_routes,
    record_routes,
    review_routes,
    search_routes,
    sign_in_routes,
    signed_routes,
    statement_key_routes,
    statement_routes,
    unsubscribe_routes,
)
from byleave.web.asked_pictures import AskedPictures
from byleave.web.claimed_pictures import ClaimedPictures
from byleave.web.lateness import Lateness
from byleave.web.rendering import API, error_page, make_environment
from byleave.web.security import Guard
from byleave.web.site import Assets, Clock, Site, site_secret
from byleave.web.small_copies import SmallCopies

ROUTERS = (
    search_routes.router,
    entry_routes.router,
    door_routes.router,
    draft_routes.router,
    consent_routes.router,
    list_in_routes.router,
    many_routes.router,
    changing_routes.router,
    choice_routes.router,
    absence_routes.router,
    copy_routes.router,
    sign_in_routes.router,
    unsubscribe_routes.router,
    passkey_routes.router,
    account_routes.router,
    organisation_routes.router,
    list_routes.router,
    api_routes.router,
    following_routes.router,
    account_data_routes.router,
    lookup_routes.router,
    partner_routes.router,
    partner_proof_routes.router,
    signed_routes.router,
    original_routes.router,
    proof_routes.router,
    record_routes.router,
    review_routes.router,
    statement_routes.router,
    kept_routes.router,
    statement_key_routes.router,
)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def create_app(
    settings: Settings,
    database: Database,
    catalog: Catalog,
    *,
    demo: bool = False,
    bound_to: str = "127.0.0.1",
    clock: Clock = utc_now,
    checks: Checks | None = None,
) -> FastAPI:
    """Make the site.

    Parameters
    ----------
    database, catalog
        Opened by the caller, who closes them.
    demo
        Show mail at ``/outbox`` instead of sending it; only where ``bound_to`` is a loopback address.
    bound_to
        The address the server will listen on.
    checks
        How places are looked at that people say they control; without it, by public addresses and resolvers only.
    """
    site = Site(
        settings=settings,
        database=database,
        catalog=catalog,
        clock=clock,
        templates=make_environment(),
        assets=Assets.load(),
        asked_pictures=AskedPictures(clock),
        claimed_pictures=ClaimedPictures(),
        small_copies=SmallCopies(clock),
        lateness=Lateness(database),
        secret=site_secret(settings),
        post=Post(MailServer.from_settings(settings)),
        checks=checks or checks_for(settings),
        demo=demo,
        bound_to=bound_to,
    )
    app = _described()
    app.state.site = site
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_middleware(Guard, settings=settings, host_names=site.host_names, error_page=error_page)
    return app


def _described() -> FastAPI:
    return FastAPI(
        title="Byleave",
        version=__version__,
        summary="Search datasets, and say what may be done with a picture.",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    told: ByleaveError
    if status in {404, 405}:
        told = _no_such_page()
    else:
        told = InputError("this request cannot be read", remedy="load the page again and send it once more")
    return error_page(request, told, status)


def _unreadable(request: Request, error: Exception) -> Response:
    fields = error.errors() if isinstance(error, RequestValidationError) else []
    if any(fault["loc"][0] == "path" for fault in fields) and not request.url.path.startswith(API):
        return error_page(request, _no_such_page(), 404)
    named = ", ".join(dict.fromkeys(str(fault["loc"][-1]) for fault in fields))
    told = InputError(
        f"these fields cannot be read: {named[:200]}",
        remedy="see /api/v1/openapi.json for what they may hold",
    )
    return error_page(request, told, 400)


def _no_such_page() -> NotFoundError:
    return NotFoundError("there is no such page", remedy="go back to the search")
