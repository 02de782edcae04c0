"""What every command shares on its way out: data to standard output, words to standard error, one clock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from byleave.errors import harmless


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print data for programs."""
    typer.echo(harmless(json.dumps(value, ensure_ascii=False, indent=1, default=_plain)))


def say(words: str) -> None:
    """Tell a person something; it never mixes with data."""
    typer.echo(harmless(words), err=True)


def counted(number: int, thing: str) -> str:
    """Say how many of a thing there are, whose plural ends in s."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    return str(value)
