"""Who runs the embedded server: ourselves, or, when we are root, an identity with no rights of its own.

PostgreSQL refuses to run as root, and ``initdb`` also refuses a user id that has no account. Nothing
permanent is created to satisfy it: ``initdb`` runs as the user of an account that every system has
(such as ``daemon``) with *our* group id, inside a folder that only our group id may enter, and the
finished files are then given to a user id that belongs to no account. A process counts as the same
owner for signals and tracing only when both ids agree, so nothing else that runs as ``daemon`` can reach
the files or the process in that short time.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from byleave.errors import UnavailableError

# 60706 to 61183 is left unused by systemd's table of ids and holds no Debian global allocation.
FIRST_FREE_ID: Final = 60717
LAST_FREE_ID: Final = 60780
OWN_SERVER: Final = "run as an ordinary user, or set BYLEAVE_DATABASE_URL to a PostgreSQL server"


class Credentials(TypedDict, total=False):
    """Arguments of :class:`subprocess.Popen` that drop every right the child does not need."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user and group id of a server process; ``None`` in both means: whoever we are."""

    uid: int | None = None
    gid: int | None = None

    def credentials(self) -> Credentials:
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make ``path``, a file or a folder with everything in it, belong to this user."""
        if self.uid is None or self.gid is None:
            return
        os.chown(path, self.uid, self.gid, follow_symlinks=False)
        for folder, folders, files in os.walk(path):
            for name in folders + files:
                os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)


OURSELVES: Final = ServerUser()


def are_we_root() -> bool:
    """Tell whether PostgreSQL would refuse to run as the user we are."""
    return os.geteuid() == 0


def owner_of(data: Path) -> ServerUser:
    """Return the user that must run a server on ``data``: a server runs only as the owner of its files.

    Raises
    ------
    UnavailableError
        If the files belong to another user and we are not root.
    """
    status = data.stat()
    if are_we_root():
        return ServerUser(status.st_uid, status.st_gid)
    if status.st_uid != os.geteuid():
        raise UnavailableError(
            f"{data} belongs to user id {status.st_uid}, and this is user id {os.geteuid()}",
            remedy="run as that user, or choose another BYLEAVE_HOME",
        )
    return OURSELVES


def unused_user() -> ServerUser:
    """Return a user and group id that belong to no account on this machine."""
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    for number in range(FIRST_FREE_ID, LAST_FREE_ID + 1):
        if number not in taken:
            return ServerUser(number, number)
    raise UnavailableError(
        f"every user id from {FIRST_FREE_ID} to {LAST_FREE_ID} is taken", remedy=OWN_SERVER
    )


def creating_user(server: ServerUser) -> ServerUser:
    """Return the identity under which ``initdb`` makes the files that ``server`` will own."""
    if server.uid is None:
        return server
    for name in ("daemon", "bin", "nobody"):
        try:
            return ServerUser(pwd.getpwnam(name).pw_uid, server.gid)
        except KeyError:
            continue
    raise UnavailableError("no account such as 'daemon' exists to create the database", remedy=OWN_SERVER)


def anyone_can_pass(folder: Path) -> bool:
    """Tell whether a user without rights of its own can enter ``folder``, by mode bits alone."""
    resolved = folder.resolve()
    return all(step.stat().st_mode & 0o001 for step in (resolved, *resolved.parents))


def anyone_can_run(program: Path) -> bool:
    """Tell whether a user without rights of its own can reach and run ``program``, by mode bits alone."""
    return anyone_can_pass(program.parent) and bool(program.stat().st_mode & 0o001)
