"""Run the site: database, worker and web server in one process, ended cleanly by SIGINT or SIGTERM."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import numpy as np
import uvicorn
from fastapi import FastAPI

from byleave import urls
from byleave.catalog import Catalog
from byleave.errors import ByleaveError, ConflictError, InputError
from byleave.media import isolated
from byleave.media.models import caption_model, picture_model
from byleave.publish.daily import DAILY, keep_daily, publish_daily
from byleave.publish.releases import publish
from byleave.registry.checking import Checks, checks_for
from byleave.registry.confirming import RECONFIRM, reconfirm_later
from byleave.registry.database import Database
from byleave.registry.jobs import Task, Worker
from byleave.registry.mail import MAIL, Post
from byleave.registry.mail_server import MailServer
from byleave.registry.permissions import OPERATOR
from byleave.registry.rechecking import RECHECK, keep_rechecking, recheck_in_turn
from byleave.settings import Settings
from byleave.web.app import create_app, utc_now
from byleave.web.choices import PUBLISH, catch_up
from byleave.web.discreet import be_discreet
from byleave.web.list_in import READ_LIST, read_list_job
from byleave.web.upkeep import keep_up, upkeep_tasks

QUIET = ("procrastinate", "alembic")
"""Libraries that report each step of their work; a library loaded for search may have turned reports on for all."""

GRACE_S = 5
"""Seconds that answers under way get when the server is told to stop."""

Tell = Callable[[str], None]


def serve_site(settings: Settings, *, host: str, port: int, demo: bool, tell: Tell) -> None:
    """Serve until a signal; ``tell`` hears the address once the site answers there.

    Raises
    ------
    ConflictError
        If the port is taken.
    UnavailableError
        If the database cannot be had.
    """
    be_discreet()
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    listening = _listen(host, port)
    with listening, Database.open(settings) as database:
        catalog = Catalog(settings.home, limits=settings.limits)
        app = create_app(settings, database, catalog, demo=demo, bound_to=host)
        address = f"http://{_shown(host)}:{listening.getsockname()[1]}"
        with database.transaction() as session:
            catch_up(session)
            app.state.site.post.catch_up(session, at=utc_now())
            keep_daily(session, utc_now())
            keep_up(session, utc_now())
            keep_rechecking(session, utc_now())
        threading.Thread(target=_warm_up, args=[settings], name="byleave-warm-up", daemon=True).start()
        try:
            with Worker(database, tasks(settings, app.state.site.checks)):
                _Server(server_config(app), lambda: tell(address)).run([listening])
        finally:
            isolated.stop()


def server_config(app: FastAPI) -> uvicorn.Config:
    """Return how the web server runs: it writes no addresses down, and does not name itself."""
    return uvicorn.Config(
        app,
        access_log=False,  # addresses hold searches and the codes of links
        log_level=logging.WARNING,
        log_config=None,  # its reports go where those of everything else go
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        lifespan="off",
    )


def tasks(settings: Settings, checks: Checks | None = None) -> Mapping[str, Task]:
    """Return what the worker of a site can do; ``checks`` as for :func:`create_app`."""

    def publish_list(database: Database) -> None:
        publish(database, settings, who=OPERATOR, at=utc_now())

    def publish_in_turn(database: Database) -> None:
        publish_daily(database, settings, utc_now())

    def recheck(database: Database) -> None:
        recheck_in_turn(database, checks or checks_for(settings), utc_now())

    def confirm(database: Database, account: str) -> None:
        reconfirm_later(database, account, utc_now())

    post = Post(MailServer.from_settings(settings))
    return {
        PUBLISH: publish_list,
        DAILY: publish_in_turn,
        MAIL: post.deliver,
        READ_LIST: read_list_job(settings, utc_now),
        RECHECK: recheck,
        RECONFIRM: confirm,
        **upkeep_tasks(settings, post),
    }


class _Server(uvicorn.Server):
    """Says when it is ready, and leaves by returning, so that whoever called it can close what is open."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, and do not raise it again afterwards as the original would."""
        before = {name: signal.signal(name, self.handle_exit) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)


def _warm_up(settings: Settings) -> None:
    """Load what the first search and look-up would otherwise wait for. What cannot be had is told to whoever asks for it."""
    with suppress(ByleaveError):
        isolated.start(settings.limits)
        caption_model().embed(["ready"])
        picture_model().embed([np.zeros((8, 8, 3), np.uint8)])
    urls.load_naming_loops()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # The protocol is named because asyncio sends small answers at once only on sockets that name it: 40 ms each otherwise.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except socket.gaierror as error:
        raise InputError(f"{host!r} is no address of this machine", remedy="use 127.0.0.1") from error
    except OSError as error:
        raise ConflictError(
            f"port {port} of {host} cannot be had: {error.strerror}",
            remedy="stop what listens there, or choose another by --port",
        ) from error
    return listening


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
