"""`byleave redact`: take claims out of a published list that stands."""

from __future__ import annotations

import typer

from byleave.cli.output import now, say
from byleave.errors import InputError

ID_BYTES = 16


def redact(
    number: int = typer.Argument(min=0, help="Number of the published list"),
    claim: list[str] = typer.Argument(help="Ids of the claims, 32 hex digits each"),
) -> None:
    """Replace every row of these claims by its hash, so that the rest of the list still verifies. It cannot be undone."""
    from byleave.publish.redacting import redact_release
    from byleave.registry.permissions import OPERATOR
    from byleave.settings import Settings

    claims = [_id(one) for one in claim]
    release = redact_release(Settings.from_process(), number, claims, who=OPERATOR, at=now())
    say(
        f"list no. {release.number} is published without {release.redacted} of its {release.rows} rows; empty your caches"
    )


def _id(text: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != ID_BYTES:
        raise InputError(f"{text!r} is no id of a claim", remedy="copy it from `byleave claim list`")
    return value
