"""One frozen settings object, built once from the environment by the two shells."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from byleave.errors import InputError

PREFIX = "BYLEAVE_"
DEFAULT_PORT = 8321
DEFAULT_ORIGIN = "byleave.example/registry"
DEFAULT_PLC_DIRECTORY = "https://plc.directory"

SWITCHES = ("REMOTE_PICTURES", "THUMBNAILS")

_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"0", "false", "no", "off"})
_ORIGIN = re.compile(r"[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[A-Za-z0-9._~-]+)*")

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds on everything that comes from outside. Sizes in bytes, times in seconds."""

    picture_bytes: int = 25 * MIB
    picture_pixels: int = 80_000_000
    picture_seconds: float = 10.0
    picture_memory_bytes: int = 2048 * MIB
    url_bytes: int = 8192
    caption_bytes: int = 32_768
    metadata_bytes: int = 65_536
    tar_member_bytes: int = 64 * MIB
    csv_bytes: int = 256 * MIB
    csv_rows: int = 1_000_000
    search_results: int = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and what is switched on.

    home
        Folder that holds the catalog, the embedded database, keys and releases.
    database_url
        A PostgreSQL server to use instead of the embedded one, or ``None``.
    origin
        Name of this registry in its signatures and its log: a host and a path, no scheme.
    remote_pictures
        Whether pages may link the pictures of a dataset from the hosts they stand on.
    thumbnails
        Whether ingest keeps small thumbnails of pictures it was given.
    allowed_hosts
        Values of the HTTP ``Host`` header the site answers to, beside loopback.
    smtp_url
        The mail server that takes our mail, with user and password, or ``None``: then none is sent.
    mail_from
        Whom mail comes from, as ``Byleave <post@example.org>``.
    sign_in_keys
        For each platform where people may sign in to show who they are, ``platform=id:secret`` as that platform gave it.
    plc_directory
        The directory that knows the identities of Bluesky handles.
    """

    home: Path
    database_url: str | None = None
    origin: str = DEFAULT_ORIGIN
    remote_pictures: bool = False
    thumbnails: bool = True
    allowed_hosts: tuple[str, ...] = ()
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str | None = None
    sign_in_keys: tuple[str, ...] = field(default=(), repr=False)
    plc_directory: str = DEFAULT_PLC_DIRECTORY
    limits: Limits = Limits()

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read every ``BYLEAVE_*`` variable; an unknown or unreadable one is an error.

        Raises
        ------
        InputError
            Naming all variables that cannot be used, at once.
        """
        known = {"HOME", "DATABASE_URL", "ORIGIN", "ALLOWED_HOSTS", "SMTP_URL", "MAIL_FROM"}
        known |= {"SIGN_IN_KEYS", "PLC_DIRECTORY", *SWITCHES}
        given = {k.removeprefix(PREFIX): v for k, v in environ.items() if k.startswith(PREFIX)}
        unknown = sorted(set(given) - known - {"HYPOTHESIS"})
        if unknown:
            raise InputError(
                "unknown settings: " + ", ".join(PREFIX + name for name in unknown),
                remedy="unset them; the known ones are " + ", ".join(PREFIX + n for n in sorted(known)),
            )
        faults = [fault for name in SWITCHES if (fault := _switch_fault(name, given))]
        origin = given.get("ORIGIN") or DEFAULT_ORIGIN
        if not _ORIGIN.fullmatch(origin):
            faults.append(f"{PREFIX}ORIGIN={origin!r} is not a host and a path")
        if faults:
            raise InputError(
                "; ".join(faults),
                remedy="write 'on' or 'off' for a switch, and an origin like registry.example.org/log",
            )
        return cls(
            home=Path(given.get("HOME") or "byleave-data").absolute(),
            database_url=given.get("DATABASE_URL") or None,
            origin=origin,
            remote_pictures=_switch("REMOTE_PICTURES", given, default=False),
            thumbnails=_switch("THUMBNAILS", given, default=True),
            allowed_hosts=_parts(given.get("ALLOWED_HOSTS", "").lower()),
            smtp_url=given.get("SMTP_URL") or None,
            mail_from=given.get("MAIL_FROM") or None,
            sign_in_keys=_parts(given.get("SIGN_IN_KEYS", "")),
            plc_directory=(given.get("PLC_DIRECTORY") or DEFAULT_PLC_DIRECTORY).rstrip("/"),
        )

    @classmethod
    def from_process(cls) -> Self:
        """Read the environment of this process: the only place that does."""
        return cls.from_env(os.environ)  # noqa: TID251 - the one reader of the environment


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _switch(name: str, given: Mapping[str, str], *, default: bool) -> bool:
    text = given.get(name, "").strip().lower()
    return text in _ON if text else default


def _switch_fault(name: str, given: Mapping[str, str]) -> str | None:
    text = given.get(name, "")
    known = text.strip().lower() in {"", *_ON, *_OFF}
    return None if known else f"{PREFIX}{name}={text!r} is neither on nor off"
