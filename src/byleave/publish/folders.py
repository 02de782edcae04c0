"""Where a registry keeps what it publishes and what it must not."""

from __future__ import annotations

from pathlib import Path

from byleave.settings import Settings


def releases_folder(settings: Settings) -> Path:
    """Return the folder of published releases: what a web server hands out."""
    return settings.home / "releases"


def keys_folder(settings: Settings) -> Path:
    """Return the folder of this registry's secrets."""
    return settings.home / "keys"


def log_folder(settings: Settings) -> Path:
    """Return the folder of the public log: tiles, entries and the signed checkpoint."""
    return settings.home / "log"
