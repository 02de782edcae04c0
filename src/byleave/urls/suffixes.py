"""Public suffixes and shared platforms: where a domain ends that one party can control.

The tables that were used are named by digest in every release, so that two trainers decide alike.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from byleave.errors import MissingExtraError

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

PLATFORMS_FILE = "platforms.toml"


@dataclass(frozen=True, slots=True)
class Platform:
    """A host that many people share: a proof there never reaches beyond one tenant's path.

    name
        What people call it.
    aliases
        Other ways in which one person's pages are addressed there.
    """

    host: str
    tenant: str
    assets: tuple[str, ...]
    name: str = ""
    aliases: tuple[str, ...] = ()


def registrable_domain(host: str) -> str:
    """Return the domain under which ``host`` can be registered, by the public-suffix list with its private section.

    A host that is itself a public suffix, or an address, is returned as it is.
    """
    if host.startswith("[") or host.replace(".", "").isdigit():
        return host
    return _suffix_list().privatesuffix(host) or host


def is_shared(host: str) -> bool:
    """Whether many parties stand on this host or directly below it, so that nobody may speak for all of it.

    The hosts from which a platform serves everybody's pictures are shared as the platform itself is.
    """
    return _suffix_list().privatesuffix(host) is None or any(
        host == shared or host.endswith("." + shared)
        for platform in platforms()
        for shared in (platform.host, *platform.assets)
    )


@cache
def platforms() -> tuple[Platform, ...]:
    """Return the shared platforms this version knows."""
    table = tomllib.loads(_platform_bytes().decode())
    return tuple(
        Platform(
            host=row["host"],
            tenant=row["tenant"],
            assets=tuple(row.get("assets", ())),
            name=row.get("name", row["host"]),
            aliases=tuple(row.get("aliases", ())),
        )
        for row in table["platform"]
    )


@cache
def table_digests() -> dict[str, str]:
    """Return the SHA-256 (hex) of the public-suffix list and of the platform table in use."""
    return {
        "platforms": hashlib.sha256(_platform_bytes()).hexdigest(),
        "public_suffix_list": hashlib.sha256(suffix_list_bytes()).hexdigest(),
    }


def suffix_list_bytes() -> bytes:
    """Return the public-suffix list as the package carries it."""
    try:
        return resources.files("publicsuffixlist").joinpath("public_suffix_list.dat").read_bytes()
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "the public-suffix list is not installed", remedy="pip install --force-reinstall byleave"
        ) from missing


def _platform_bytes() -> bytes:
    return resources.files("byleave.urls").joinpath(PLATFORMS_FILE).read_bytes()


@cache
def _suffix_list() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
