"""The embedded PostgreSQL server of a home: join it, use it, leave it; the last one out stops it.

Two lock files carry the life cycle. Every user of the server shares ``users.lock`` for as long as it is a
user. Whoever starts or stops the server does so while holding ``start.lock`` alone; joining and leaving
hold it too, so nobody joins a server that is about to stop. The kernel frees the locks of a process
however it ends; a server that lost all its users so is adopted, and later stopped, by the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from byleave.errors import UnavailableError
from byleave.registry.cluster import DATABASE, ROLE, Cluster, create, keeping_folder, locate
from byleave.registry.locks import FileLock, alone
from byleave.registry.postmaster import PORT, READY, Postmaster, running, start, stop

# Longer than making a database and starting it may take, so that waiting starters outlast a slow first one.
LOCK_TIMEOUT_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Address:
    """How to reach the server; ``password`` never shows in a representation."""

    socket_folder: Path
    password: str

    def __repr__(self) -> str:
        return f"Address({self.socket_folder})"

    def parameters(self) -> dict[str, Any]:
        """Return connection parameters by their libpq names."""
        return {
            "host": str(self.socket_folder),
            "port": PORT,
            "user": ROLE,
            "dbname": DATABASE,
            "password": self.password,
        }


class EmbeddedServer:
    """One membership among the users of a home's server. Make it with :meth:`join`; end it with :meth:`leave`."""

    def __init__(self, keep: Path, cluster: Cluster, membership: FileLock, address: Address) -> None:
        self._keep = keep
        self._cluster = cluster
        self._membership = membership
        self.address = address

    @classmethod
    def join(cls, home: Path) -> Self:
        """Become a user of the server of ``home``; make its database and start it when needed.

        Raises
        ------
        UnavailableError
            If the server cannot be made or started.
        RefusedError
            If folders of ours were opened to other users.
        ConflictError
            If another process holds the start lock for too long, or the home is a copy.
        """
        keep = keeping_folder(home.resolve())
        with alone(keep / "start.lock", LOCK_TIMEOUT_S):
            cluster = locate(keep)
            if not cluster.exists():
                create(cluster)
            membership = FileLock(cluster.users_lock)
            try:
                membership.share(LOCK_TIMEOUT_S)
                address = _reach(cluster)
            except BaseException:
                membership.close()
                raise
        return cls(keep, cluster, membership, address)

    def revive(self) -> None:
        """Start the server again if it is gone, for instance killed; ``address`` is then up to date."""
        with alone(self._cluster.start_lock, LOCK_TIMEOUT_S):
            self.address = _reach(self._cluster)

    def leave(self) -> None:
        """Stop being a user; stop the server if nobody else is one. Calling it twice is harmless."""
        if self._membership.closed:
            return
        with alone(self._cluster.start_lock, LOCK_TIMEOUT_S):
            last = self._membership.try_claim()
            server = running(self._cluster) if last else None
            if server:
                stop(self._cluster, server)
            self._membership.close()


def find_server(home: Path) -> Postmaster | None:
    """Return the live server of ``home``, if any, without starting or making anything."""
    keep = home.resolve() / "postgres"
    if not keep.is_dir():
        return None
    return running(locate(keep))


def _reach(cluster: Cluster) -> Address:
    server = running(cluster)
    if server and (server.status != READY or not (server.socket_folder / f".s.PGSQL.{PORT}").exists()):
        # Left half-way by a starter or stopper that was killed, or its socket was swept away. Stopping also
        # waits for a server that is still starting or already stopping.
        stop(cluster, server)
        server = running(cluster)
        if server:
            raise UnavailableError(
                f"the embedded database (process {server.pid}) neither answers nor stops",
                remedy=f"run: kill -9 {server.pid}, then try again",
            )
    server = server or start(cluster)
    return Address(server.socket_folder, cluster.password())
