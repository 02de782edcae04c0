"""What every request of the site needs: settings, stores, clock, templates, and the pictures asked about lately."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from ipaddress import ip_address
from typing import Annotated

from fastapi import Depends, Request
from jinja2 import Environment

from byleave.catalog import Catalog
from byleave.publish.folders import keys_folder
from byleave.registry.checking import Checks
from byleave.registry.database import Database
from byleave.registry.mail import Post
from byleave.settings import Settings
from byleave.storage import write_atomically
from byleave.web.asked_pictures import AskedPictures
from byleave.web.claimed_pictures import ClaimedPictures
from byleave.web.lateness import Lateness
from byleave.web.small_copies import SmallCopies

Clock = Callable[[], datetime]

SECRET_FILE = "site.secret"  # noqa: S105 - a file name
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
MEDIA_TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True, eq=False)
class Assets:
    """Styles, modules and drawings, read once. ``version`` is a digest of them all and part of their address."""

    files: Mapping[str, bytes]
    version: str

    @classmethod
    def load(cls) -> Assets:
        """Read every file of the package's ``static`` folder."""
        folder = resources.files("byleave.web") / "static"
        files = {
            entry.name: entry.read_bytes()
            for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
            if entry.name.rpartition(".")[2] in MEDIA_TYPES
        }
        digest = hashlib.sha256()
        for name, content in files.items():
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return cls(files, digest.hexdigest()[:16])


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One running site.

    demo
        Whether the visible outbox was asked for.
    bound_to
        The address the server listens on.
    secret
        32 bytes under which tokens of forms are made for visitors who are not signed in.
    post
        How mail leaves this site.
    checks
        How this site looks at places that people say they control.
    """

    settings: Settings
    database: Database
    catalog: Catalog
    clock: Clock
    templates: Environment
    assets: Assets
    asked_pictures: AskedPictures
    claimed_pictures: ClaimedPictures
    small_copies: SmallCopies
    lateness: Lateness
    secret: bytes
    post: Post
    checks: Checks
    demo: bool
    bound_to: str

    @property
    def shows_outbox(self) -> bool:
        """Whether the outbox may be read: only in a demo, and only where nobody but this machine can reach it."""
        return self.demo and is_loopback(self.bound_to)

    @property
    def host_names(self) -> frozenset[str]:
        """Values of the ``Host`` header that are answered, without a port."""
        own = set() if self.bound_to in {"0.0.0.0", "::"} else {_bracketed(self.bound_to)}  # noqa: S104 - compared only
        return LOOPBACK_NAMES | own | frozenset(self.settings.allowed_hosts)


def site_of(request: Request) -> Site:
    """Return the site a request was made to."""
    site: Site = request.app.state.site
    return site


TheSite = Annotated[Site, Depends(site_of)]


def is_loopback(host: str) -> bool:
    """Whether a bind address or host name stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def site_secret(settings: Settings) -> bytes:
    """Return the secret of this site, making it on first use."""
    path = keys_folder(settings) / SECRET_FILE
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, secrets.token_bytes(32), mode=0o600)
    return path.read_bytes()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
