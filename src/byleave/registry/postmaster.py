"""One PostgreSQL server process: is it there, start it, wait for it, stop it.

Nothing here locks; :mod:`byleave.registry.embedded` calls it under its start lock.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from byleave.errors import UnavailableError
from byleave.registry.cluster import Cluster
from byleave.registry.privileges import owner_of

PORT: Final = 5432  # only the name of the socket: nothing listens on the network
# Room for the path of a socket in the kernel's `sun_path`, without its closing zero byte.
SOCKET_PATH_BYTES: Final = 103 if sys.platform == "darwin" else 107
START_TIMEOUT_S: Final = 120.0  # replaying the journal after a power cut takes a while
STOP_TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.005
LOG_BYTES: Final = 4 * 1024 * 1024
READY: Final = "ready"
PROCESSES_ARE_FILES: Final = Path("/proc/self/cmdline").exists()


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What ``postmaster.pid`` says of a live server.

    status
        ``"starting"``, ``"ready"``, ``"stopping"``, or empty in the first moment.
    """

    pid: int
    socket_folder: Path
    status: str


def running(cluster: Cluster) -> Postmaster | None:
    """Return the live server of this cluster, or ``None`` when its pid file is missing or stale."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    if not _serves(pid, cluster.data):
        return None
    lines += [""] * 8
    return Postmaster(pid, Path(lines[4]), lines[7].strip())


def start(cluster: Cluster) -> Postmaster:
    """Start a server and wait until it answers; the caller has seen that none is running.

    Raises
    ------
    UnavailableError
        With the last line of the server's own log.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        # A live postmaster was ruled out. What a killed one left would make PostgreSQL refuse while its process id
        # is in use; that no process of it still writes, PostgreSQL checks by its shared memory.
        for left in (cluster.data / "postmaster.pid", cluster.run / f".s.PGSQL.{PORT}.lock"):
            left.unlink(missing_ok=True)
        pid = _spawn(cluster)
        while _alive(pid):
            found = running(cluster)
            if found and found.pid == pid and found.status == READY:
                return found
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"the embedded database is not ready after {START_TIMEOUT_S:.0f} s",
                    remedy=f"read {cluster.log}; it may still be replaying its journal: try again later",
                )
            time.sleep(POLL_S)
        reason = _last_words(cluster)
        if "shared memory" not in reason or time.monotonic() > deadline:
            raise UnavailableError(
                f"the embedded database did not start: {reason}", remedy=f"read {cluster.log}"
            )
        time.sleep(0.1)  # the last processes of a killed server are on their way out


def stop(cluster: Cluster, server: Postmaster) -> None:
    """Stop the server: open transactions are rolled back, everything committed is on the disk."""
    for request in (signal.SIGINT, signal.SIGQUIT):
        try:
            os.kill(server.pid, request)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while _serves(server.pid, cluster.data) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if not _serves(server.pid, cluster.data):
            break
    if server.socket_folder != cluster.run and server.socket_folder.name.startswith("byleave-"):
        _remove_folder(server.socket_folder)


def socket_fits(folder: Path) -> bool:
    """Tell whether a socket in ``folder`` has a name that kernel, server and client library all take."""
    path = os.fsencode(folder / f".s.PGSQL.{PORT}")
    # The server reads a list in quotes, the client library a list with commas.
    return len(path) <= SOCKET_PATH_BYTES and not set(str(folder)) & set(',"\n')


def socket_folder(cluster: Cluster) -> Path:
    """Make the folder for the socket, mode 0700: in the state folder, or under a short temporary name.

    Raises
    ------
    UnavailableError
        If not even the temporary folder has a path short enough.
    """
    folder = cluster.run
    if socket_fits(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
    else:
        shelter = Path(tempfile.gettempdir())
        if not socket_fits(shelter / "byleave-12345678"):
            raise UnavailableError(
                f"the path of the socket would be longer than {SOCKET_PATH_BYTES} bytes: {folder}",
                remedy="choose a BYLEAVE_HOME, or a TMPDIR, with a short path",
            )
        folder = Path(tempfile.mkdtemp(prefix="byleave-", dir=shelter))
    owner_of(cluster.data).give(folder)
    return folder


def _spawn(cluster: Cluster) -> int:
    """Start the server as nobody's child, so that it outlives us and leaves us no process to collect."""
    server = owner_of(cluster.data)
    folder = socket_folder(cluster)
    _shorten_log(cluster.log)
    command = [cluster.programs().program("postgres"), "-D", str(cluster.data)]
    options = ["-c", f'unix_socket_directories="{folder}"', "-c", f"port={PORT}"]
    log = os.open(cluster.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        server.give(cluster.log)
        shell = subprocess.run(
            ["/bin/sh", "-c", '"$@" </dev/null >&2 & echo $!', "sh", *command, *options],
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            start_new_session=True,
            check=True,
            timeout=START_TIMEOUT_S,
            **server.credentials(),
        )
    except (OSError, subprocess.SubprocessError) as failure:
        raise UnavailableError(
            f"the embedded database cannot be started: {failure}",
            remedy="run `byleave doctor`, or set BYLEAVE_DATABASE_URL to a PostgreSQL server",
        ) from failure
    finally:
        os.close(log)
    return int(shell.stdout)


def _serves(pid: int, data: Path) -> bool:
    """Tell whether the process lives and was started on this data folder, by its command line.

    Its current folder would say the same, but root in a container may not look at that.
    """
    if PROCESSES_ARE_FILES:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(data) in words  # a zombie has no words
    shown = subprocess.run(
        ["ps", "-ww", "-o", "state=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return not shown.stdout.startswith("Z") and str(data) in shown.stdout


def _alive(pid: int) -> bool:
    if PROCESSES_ARE_FILES:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state not in "ZX"
    shown = subprocess.run(
        ["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(shown.stdout.strip()) and not shown.stdout.startswith("Z")


def _last_words(cluster: Cluster) -> str:
    with cluster.log.open("rb") as file:
        file.seek(max(0, cluster.log.stat().st_size - 8192))
        lines = file.read().decode(errors="replace").splitlines()
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
    return (fatal or lines or ["its log is empty"])[-1]


def _shorten_log(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name("log.before"))


def _remove_folder(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # something is left in it: not ours to delete
        return
