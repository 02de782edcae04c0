"""`byleave claim add --list`: a file of up to a million links as one claim, with a bar that shows how far it is."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import now, say
from byleave.cli.progress import Shown
from byleave.settings import Settings

if TYPE_CHECKING:
    from byleave.publish.lists import HandedList
    from byleave.registry.filing import NewClaim
    from byleave.registry.lists import Reject

SHOWN_REJECTS = 20


def file_list(
    settings: Settings, path: Path, new: NewClaim, claimant: str, *, rejects: Path | None
) -> HandedList:
    """File a list for a claimant, and tell about the lines that cannot be used."""
    from byleave.publish.lists import ListFile, file_handed_list, hand_in
    from byleave.registry.accounts import account_of
    from byleave.registry.database import Database
    from byleave.registry.filing import Filing
    from byleave.registry.handing_in import rejects_of
    from byleave.registry.permissions import OPERATOR

    file = ListFile.look(path, path.name, settings.limits.csv_bytes)
    with Database.open(settings) as database:
        with database.transaction() as session:
            filing = Filing(new, account_of(session, claimant, now()))
        handed = hand_in(database, file, filing, who=OPERATOR, at=now())
        try:
            with Shown() as shown:

                def tell(lines: int) -> None:
                    shown.step("filing", lines, file.lines)

                done = file_handed_list(
                    database, settings, handed, path, filing, who=OPERATOR, at=now(), tell=tell
                )
        finally:
            with database.transaction() as session:
                _tell_rejects(rejects_of(session, handed.id, who=OPERATOR), rejects)
    return done


def _tell_rejects(found: list[Reject], to: Path | None) -> None:
    for one in found[:SHOWN_REJECTS]:
        say(f"line {one.line}: {one.reason}")
    if len(found) > SHOWN_REJECTS:
        say(
            f"and {len(found) - SHOWN_REJECTS:,} more lines"
            + ("" if to else "; see them all by --rejects FILE")
        )
    if to is not None:
        with to.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["line", "value", "reason"])
            writer.writerows([one.line, one.value, one.reason] for one in found)


def echo_handed(done: HandedList) -> None:
    """Say what became of a list."""
    handed = done.handed
    typer.echo(handed.claim.hex() if handed.claim else "")
    if done.again:
        say(f"this list was handed in before, on {handed.created_at:%Y-%m-%d}: nothing new was filed")
    else:
        number = done.acknowledged.claim.number if done.acknowledged else 0
        say(
            f"{handed.accepted:,} targets filed as claim event {number}; {handed.rejected:,} lines cannot be used"
        )
