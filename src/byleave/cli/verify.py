"""`byleave verify`: check a published list or a coverage file, offline and light."""

from __future__ import annotations

from pathlib import Path

import typer

from byleave.cli.output import print_json, say


def verify(
    path: Path = typer.Argument(
        help="Folder of a release, folder of releases, synced folder, or coverage file"
    ),
    key: list[str] = typer.Option(
        [], help="Verifier key to trust; a synced folder remembers its own when none is given"
    ),
    json_: bool = typer.Option(False, "--json", help="Print what was checked as JSON"),
) -> None:
    """Check signature, sizes and digests; anything that does not hold is an error."""
    from byleave.errors import InputError
    from byleave.log import VerifierKey
    from byleave.release import open_coverage, open_latest, open_release, open_synced
    from byleave.release.reading import LATEST
    from byleave.release.sync import CURRENT

    keys = [VerifierKey.parse(one) for one in key]
    if not keys and not (path / CURRENT).exists():
        raise InputError(
            "whose signature should be trusted?", remedy="pass --key with the registry's verifier key"
        )
    if path.is_file():
        coverage = open_coverage(path, keys)
        answer = {
            "kind": "coverage",
            "dataset": coverage.covers.dataset,
            "release": coverage.covers.release_number,
        }
        manifest = coverage.signed
    else:
        if (path / CURRENT).exists():
            release = open_synced(path, keys)
        else:
            release = open_latest(path, keys) if (path / LATEST).exists() else open_release(path, keys)
        answer = {
            "kind": "release",
            "number": release.number,
            "published_at": release.published_at.isoformat(),
        }
        manifest = release.signed
    signed_by = [signer.name for signer in manifest.signers]
    if json_:
        print_json({"ok": True, **answer, "manifest_sha256": manifest.sha256.hex(), "signed_by": signed_by})
    else:
        say(
            "holds: "
            + ", ".join(f"{name} {value}" for name, value in answer.items())
            + f", signed by {', '.join(signed_by)}"
        )
