"""`byleave sync`: fetch and verify the latest published list, and compile it for this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import print_json, say

if TYPE_CHECKING:
    from byleave.release import Release


def sync(
    source: str = typer.Argument(help="Folder of releases or web address of one"),
    to: Path = typer.Option(..., "--to", help="Folder that keeps the list"),
    key: list[str] = typer.Option([], help="Verifier key of the registry; told once, remembered"),
    json_: bool = typer.Option(False, "--json", help="Print what is held now as JSON"),
) -> None:
    """Bring a folder to the latest published list. A tampered, truncated or older list is refused and the folder stays as it was."""
    from byleave.log import VerifierKey
    from byleave.release.sync import sync as sync_release

    release = sync_release(source, to, keys=[VerifierKey.parse(one) for one in key])
    compiled = _compile(release, to)
    if json_:
        print_json(
            {
                "number": release.number,
                "manifest_sha256": release.manifest_digest.hex(),
                "counts": release.signed.members["counts"],
                "published_at": release.published_at,
                "compiled": compiled,
            }
        )
        return
    say(
        f"holding published list no. {release.number} of {release.origin}, {release.published_at:%Y-%m-%d %H:%M} UTC"
    )
    if not compiled:
        say("verified, not compiled: applying it needs `pip install 'byleave[apply]'`")


def _compile(release: Release, folder: Path) -> bool:
    """Compile the list where the extra is installed; the light core verifies and keeps it all the same."""
    from importlib.util import find_spec

    if find_spec("numba") is None or find_spec("pyarrow") is None:
        return False
    from byleave.apply.ruleset import compile_ruleset

    compile_ruleset(release, folder)
    return True
