"""The registry's database: the embedded server of the home, or the one that ``BYLEAVE_DATABASE_URL`` names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from byleave.errors import InputError, UnavailableError
from byleave.registry.embedded import EmbeddedServer
from byleave.registry.schema import bring_up_to_date
from byleave.registry.sealing import Seal, check_seal, give_seal
from byleave.settings import Settings

CONNECT_TIMEOUT_S: Final = 10
POOL_SIZE: Final = 5
POOL_OVERFLOW: Final = 15


class Database:
    """An open registry database. A context manager: leaving it closes connections and gives up the server.

    ``parameters`` are the connection parameters by their libpq names, the password among them; they never
    belong in a message.
    """

    def __init__(self, parameters: dict[str, Any], server: EmbeddedServer | None, seal: Seal) -> None:
        self._parameters = parameters
        self._server = server
        self.engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=self.connect,
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            pool_pre_ping=True,
            hide_parameters=True,  # statements in error messages show no addresses and no tokens
        )
        give_seal(self.engine, seal)

    @classmethod
    def open(cls, settings: Settings, *, migrate: bool = True) -> Self:
        """Open the database of these settings and bring its tables up to date.

        Raises
        ------
        InputError
            If the database URL cannot be read.
        UnavailableError
            If the server cannot be reached, made or started.
        ConflictError
            If the database was used by a newer Byleave, or its addresses are sealed under another key than that of the home.
        """
        seal = Seal.of(settings)
        if settings.database_url is not None:
            database = cls(url_parameters(settings.database_url), None, seal)
        else:
            server = EmbeddedServer.join(settings.home)
            database = cls(server.address.parameters(), server, seal)
        try:
            if migrate:
                bring_up_to_date(database.engine)
                with database.engine.connect() as connection:
                    check_seal(connection)
        except OperationalError as failure:
            database.close()
            raise UnavailableError(
                "the database does not take a connection, or not these statements: "
                + str(failure.orig).strip().splitlines()[0],
                remedy="run `byleave doctor`",
            ) from None
        except BaseException:
            database.close()
            raise
        return database

    @property
    def embedded(self) -> bool:
        """Whether this is the server of the home rather than one named by a URL."""
        return self._server is not None

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self._parameters)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session whose work is stored together when the block ends, or not at all when it raises.

        Raises
        ------
        UnavailableError
            If the connection is lost. Whether the work was stored is then unknown only for a loss in the
            very commit; before it, nothing was.
        """
        try:
            with Session(self.engine) as session, session.begin():
                yield session
        except OperationalError as failure:
            if not _is_lost(failure):
                raise
            raise UnavailableError(
                "the connection to the database was lost",
                remedy="try again; if it stays so, run `byleave doctor`",
            ) from failure

    def connect(self) -> psycopg.Connection[Any]:
        """Open a plain connection of the driver; restart the embedded server first if it is gone."""
        try:
            return psycopg.connect(**self._parameters, connect_timeout=CONNECT_TIMEOUT_S)
        except psycopg.OperationalError:
            if self._server is None:
                raise
        self._server.revive()
        self._parameters = self._server.address.parameters()
        return psycopg.connect(**self._parameters, connect_timeout=CONNECT_TIMEOUT_S)

    def close(self) -> None:
        """Close every connection and leave the embedded server. Calling it twice is harmless."""
        self.engine.dispose()
        if self._server is not None:
            self._server.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_lost(failure: OperationalError) -> bool:
    """Tell a connection that broke, or was never made, from a statement that the server refused."""
    refused = getattr(failure.orig, "sqlstate", None) is not None
    return failure.connection_invalidated or (failure.statement is None and not refused)


def url_parameters(url: str) -> dict[str, Any]:
    """Turn a database URL into connection parameters by their libpq names.

    Raises
    ------
    InputError
        If it is no PostgreSQL URL. The message does not repeat it: it may hold a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise InputError(
            "BYLEAVE_DATABASE_URL does not begin with postgresql://",
            remedy="write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE",
        )
    try:
        return conninfo_to_dict(f"postgresql://{rest}")
    except psycopg.ProgrammingError:
        raise InputError(
            "BYLEAVE_DATABASE_URL cannot be read",
            remedy="write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE, special characters as %XX",
        ) from None
