"""The files of an embedded database: where they are, who owns them, and how they come to be.

::

    <home>/postgres/            0700, ours
        start.lock  users.lock  see byleave.registry.embedded
        password                0600, of the role ``byleave``
        cluster                 only when the state folder is not in the home: its name in /var/lib/byleave
    <home>/postgres-data/       the state folder: 0700, ours, or 0710 when made by root for the server's group
        data/  run/  log

A server that root starts runs as a user without rights, which cannot reach a home below a private folder such
as ``/root``; its state folder is then ``/var/lib/byleave/<name>``. Folders that were there before keep
their modes: only the folders above are ever made or changed.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from byleave.errors import ConflictError, RefusedError, UnavailableError
from byleave.registry.binaries import Programs, find_programs, reachable_programs
from byleave.registry.privileges import (
    OURSELVES,
    OWN_SERVER,
    ServerUser,
    anyone_can_pass,
    are_we_root,
    creating_user,
    owner_of,
    unused_user,
)
from byleave.storage import sync_folder, write_atomically

ROLE: Final = "byleave"
DATABASE: Final = "byleave"
STATE_OF_ROOT: Final = Path("/var/lib/byleave")
CREATE_TIMEOUT_S: Final = 120.0

# Durability is PostgreSQL's default (fsync, full_page_writes, synchronous_commit) and is not touched. The
# log names no values: failing statements may hold e-mail addresses.
CONFIGURATION: Final = """
# Written by Byleave when it made this database.
listen_addresses = ''
unix_socket_permissions = 0700
cluster_name = 'byleave'
max_connections = 60
wal_level = minimal
max_wal_senders = 0
timezone = 'UTC'
log_timezone = 'UTC'
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Paths of one embedded database; nothing needs to exist yet."""

    keep: Path
    state: Path

    @property
    def data(self) -> Path:
        return self.state / "data"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def log(self) -> Path:
        return self.state / "log"

    @property
    def start_lock(self) -> Path:
        return self.keep / "start.lock"

    @property
    def users_lock(self) -> Path:
        return self.keep / "users.lock"

    def password(self) -> str:
        return (self.keep / "password").read_text("ascii").strip()

    def exists(self) -> bool:
        return (self.data / "PG_VERSION").is_file()

    def programs(self) -> Programs:
        """Return the programs of the major version that made the data, where the server's user can run them."""
        major = int((self.data / "PG_VERSION").read_text("ascii"))
        return _for_user(find_programs(major), owner_of(self.data))


def keeping_folder(home: Path) -> Path:
    """Make ``<home>/postgres`` with mode 0700 if it is not there, and return it."""
    keep = home / "postgres"
    try:
        home.mkdir(parents=True, exist_ok=True)
        keep.mkdir(mode=0o700, exist_ok=True)
        status = keep.stat()
    except OSError as failure:
        raise UnavailableError(
            f"{keep} cannot be made: {failure.strerror}", remedy="choose a BYLEAVE_HOME that you can write to"
        ) from failure
    if status.st_uid != os.geteuid() and not are_we_root():
        raise UnavailableError(
            f"{keep} belongs to another user (id {status.st_uid})",
            remedy="run as that user, or choose another BYLEAVE_HOME",
        )
    if status.st_mode & 0o077:
        raise RefusedError(
            f"other users may open {keep}, which holds a password", remedy=f"run: chmod 700 '{keep}'"
        )
    return keep


def locate(keep: Path) -> Cluster:
    """Return where the database of this home is, or where it will be made. Call it under the start lock.

    Raises
    ------
    ConflictError
        If the home names a state folder outside that is not there, or that belongs to another home.
    """
    named = keep / "cluster"
    if named.is_file():
        cluster = Cluster(keep, STATE_OF_ROOT / _checked_name(named.read_text("ascii").strip()))
        _refuse_lost_state(cluster)
        return cluster
    inside = Cluster(keep, keep.parent / "postgres-data")
    if inside.exists() or not are_we_root() or anyone_can_pass(keep.parent):
        return inside
    return Cluster(keep, STATE_OF_ROOT / secrets.token_hex(8))


def create(cluster: Cluster) -> None:
    """Make the database: ``initdb``, then the role and the database of the application.

    The superuser gets a random password that is not kept and may not log in, so no client, whatever it
    knows, is more than the owner of one database. Files are made aside and renamed when they are complete.

    Raises
    ------
    UnavailableError
        If the programs cannot be run or the folders cannot be made.
    """
    server = unused_user() if are_we_root() else OURSELVES
    try:
        _make_state_folder(cluster, server)
        programs = _for_user(find_programs(), server)
        # What a killed process left. Its initdb may still be busy there, so the name is not used again.
        for left in cluster.state.glob("making-*"):
            shutil.rmtree(left, ignore_errors=True)
        aside = Path(tempfile.mkdtemp(dir=cluster.state, prefix="making-"))
        _fill(cluster, programs, server, aside)
        (aside / "data").rename(cluster.data)
        shutil.rmtree(aside)
        sync_folder(cluster.state)
        if cluster.state.parent == STATE_OF_ROOT:
            write_atomically(cluster.keep / "cluster", cluster.state.name.encode() + b"\n", mode=0o600)
    except (OSError, subprocess.SubprocessError) as failure:
        raise UnavailableError(
            f"the database cannot be made: {_reason(failure)}", remedy=OWN_SERVER
        ) from failure


def _fill(cluster: Cluster, programs: Programs, server: ServerUser, aside: Path) -> None:
    maker = creating_user(server)
    password = secrets.token_urlsafe(32)
    write_atomically(cluster.keep / "password", password.encode() + b"\n", mode=0o600)
    first_password = aside / "superuser"
    first_password.write_text(secrets.token_urlsafe(32) + "\n", "ascii")
    first_password.chmod(0o600)
    maker.give(aside)
    data = str(aside / "data")
    _run(
        maker,
        [programs.program("initdb"), "--pgdata", data],
        ["--username=postgres", "--pwfile", str(first_password)],
        ["--auth-local=scram-sha-256", "--auth-host=scram-sha-256", "--encoding=UTF8", "--no-locale"],
        ["--no-sync", "--no-instructions"],
    )
    with Path(data, "postgresql.conf").open("a", encoding="ascii") as file:
        file.write(CONFIGURATION)
    statements = (
        f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{password}';\n"
        f"ALTER DATABASE postgres RENAME TO {DATABASE};\n"  # a third less to write than one more database
        f"ALTER DATABASE {DATABASE} OWNER TO {ROLE};\n"
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;\n"
        "ALTER ROLE postgres NOLOGIN;\n"
    )
    single = [programs.program("postgres"), "--single", "-D", data, "-c", "fsync=off", "template1"]
    _run(maker, single, given=statements)
    first_password.unlink()
    # One flush of the finished files, before they get their name, instead of one after every step.
    _run(maker, [programs.program("initdb"), "--sync-only", "--pgdata", data])
    server.give(aside)


def _run(user: ServerUser, *arguments: list[str], given: str = "") -> None:
    command = [word for part in arguments for word in part]
    # A backend that runs statements from its input leaves with 0 even when one fails, so its words count too.
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        cwd="/",
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        timeout=CREATE_TIMEOUT_S,
        check=False,
        **user.credentials(),
    )
    problem = re.search(r"^.*\b(?:ERROR|FATAL|PANIC): .*$", done.stderr, re.MULTILINE)
    if done.returncode or problem:
        lines = done.stderr.strip().splitlines() or [f"{command[0]} left with {done.returncode}"]
        raise OSError(problem.group() if problem else lines[-1])


def _make_state_folder(cluster: Cluster, server: ServerUser) -> None:
    if cluster.state.parent == STATE_OF_ROOT:
        _make_state_of_root()
    cluster.state.mkdir(mode=0o700, exist_ok=True)
    if server.gid is not None:
        os.chown(cluster.state, 0, server.gid)
        cluster.state.chmod(0o710)
    if cluster.state.parent == STATE_OF_ROOT:
        write_atomically(cluster.state / "home", os.fsencode(cluster.keep.parent), mode=0o600)


def _make_state_of_root() -> None:
    try:
        STATE_OF_ROOT.mkdir(parents=True)
    except FileExistsError:
        status = STATE_OF_ROOT.stat()
        if status.st_uid == 0 and not status.st_mode & 0o022 and anyone_can_pass(STATE_OF_ROOT):
            return
        raise RefusedError(
            f"{STATE_OF_ROOT} can be changed by users other than root, or not be entered by them",
            remedy=f"run: chown root '{STATE_OF_ROOT}' && chmod 711 '{STATE_OF_ROOT}'",
        ) from None
    STATE_OF_ROOT.chmod(0o711)


def _refuse_lost_state(cluster: Cluster) -> None:
    record = cluster.state / "home"
    here = cluster.keep.parent
    if not cluster.exists() or not record.is_file():
        raise ConflictError(
            f"the database of {here} is not on this machine: {cluster.state} is missing",
            remedy=f"bring that folder back; or delete '{cluster.keep}' and `byleave restore` a backup",
        )
    recorded = Path(os.fsdecode(record.read_bytes()))
    if recorded == here:
        return
    elsewhere = recorded / "postgres" / "cluster"
    if elsewhere.is_file() and not elsewhere.samefile(cluster.keep / "cluster"):
        raise ConflictError(
            f"{here} is a copy of {recorded}; the database itself was not copied",
            remedy=f"run `byleave backup` there, delete '{cluster.keep}', and `byleave restore` here",
        )
    write_atomically(record, os.fsencode(here), mode=0o600)


def _for_user(programs: Programs, server: ServerUser) -> Programs:
    if not are_we_root() or server.uid is None:
        return programs
    return reachable_programs(programs, STATE_OF_ROOT)


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{16}", name):
        raise RefusedError(
            "the file 'cluster' beside the password is damaged",
            remedy="restore it from a backup of BYLEAVE_HOME",
        )
    return name


def _reason(failure: OSError | subprocess.SubprocessError) -> str:
    return (failure.strerror if isinstance(failure, OSError) else None) or str(failure)
