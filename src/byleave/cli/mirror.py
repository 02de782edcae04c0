"""`byleave mirror`: keep a folder of releases and deltas that any file server can serve."""

from __future__ import annotations

from pathlib import Path

import typer

from byleave.cli.output import print_json, say


def mirror(
    source: str = typer.Argument(help="Folder of releases or web address of one"),
    folder: Path = typer.Argument(help="Folder to keep in step with it"),
    key: list[str] = typer.Option([], help="Verifier key of the registry; told once, remembered"),
    prune: bool = typer.Option(False, "--prune", help="Remove what the source no longer serves"),
    json_: bool = typer.Option(False, "--json", help="Print what was done as JSON"),
) -> None:
    """Fetch and verify every published list and delta that is missing here. A killed run goes on where it was."""
    from dataclasses import asdict

    from byleave.log import VerifierKey
    from byleave.release.mirror import mirror as mirror_releases

    done = mirror_releases(source, folder, keys=[VerifierKey.parse(one) for one in key], prune=prune)
    if json_:
        print_json(asdict(done))
        return
    say(
        f"in step with list no. {done.latest}: fetched {len(done.releases)} lists and {len(done.deltas)} deltas, "
        f"removed {len(done.removed)}"
    )
