"""`byleave publish`: publish the registry as a signed list."""

from __future__ import annotations

import typer

from byleave.cli.output import now, print_json, say
from byleave.settings import Settings


def publish(
    json_: bool = typer.Option(False, "--json", help="Print what was published as JSON"),
) -> None:
    """Publish everything in force as release N, N being the number of the last claim event."""
    from byleave.publish import publish as publish_registry
    from byleave.registry.database import Database
    from byleave.registry.permissions import OPERATOR

    settings = Settings.from_process()
    with Database.open(settings) as database:
        published = publish_registry(database, settings, who=OPERATOR, at=now())
    release = published.release
    if json_:
        print_json(
            {
                "number": release.number,
                "new": published.is_new,
                "folder": str(release.folder),
                "manifest_sha256": release.manifest_digest.hex(),
                "counts": release.signed.members["counts"],
                "key": published.verifier_key,
            }
        )
        return
    typer.echo(release.folder)
    say(f"published list no. {release.number}" + ("" if published.is_new else " (nothing has changed since)"))
    say(f"whoever syncs it needs this key once: {published.verifier_key}")
