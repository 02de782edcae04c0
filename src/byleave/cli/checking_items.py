"""`byleave prove-absent` and `byleave audit-attestation`: what anybody can check about single entries of somebody else's output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from byleave.cli.attest_items import read_policy, signed_attestation
from byleave.cli.output import print_json, say
from byleave.errors import InputError, NotFoundError, VerificationError

if TYPE_CHECKING:
    from byleave.apply.auditing import Audited
    from byleave.release.attestations import Attestation
    from byleave.release.receipts import Receipt

EXIT_MISSING = 8
"""Nothing is wrong with what is given, and it is less than was asked for; as `byleave verify` leaves for a choice not in force."""

_SHOWN = 10


def prove_absent(
    claim: Path = typer.Argument(help="Receipt of your choice"),
    attestation: Path = typer.Argument(help="Attestation of whoever applied a list"),
    proofs: str = typer.Option(..., help="Folder or web address at which their proofs are served"),
    key: str = typer.Option(..., help="Verifier key of whoever signed the attestation"),
    to: Path | None = typer.Option(None, "--to", help="New folder to keep the proofs in, one file each"),
    json_: bool = typer.Option(False, "--json", help="Print the outcome as JSON"),
) -> None:
    """Check that none of the links your choice covers was kept in what an organisation made.

    Leaves with 0 if every link is proven absent, with 8 if one was kept or its proof is missing, and with 5 if a proof does not hold.
    """
    from byleave.consent import TargetKind
    from byleave.release.absences import Absences
    from byleave.release.sources import open_source
    from byleave.urls.names import ID_BYTES

    receipt, signed = _receipt(claim), signed_attestation(attestation, key)
    links = [target.digest for target in receipt.targets if target.kind is TargetKind.URL]
    if not links:
        raise InputError(
            "this choice names no link, so nothing can be looked up in the proofs",
            remedy="for sites, paths and pictures use `byleave audit-attestation`, which draws entries and decides about them again",
        )
    source = open_source(proofs)
    try:
        found = Absences(source, signed)
        given = {digest: found.find(digest[:ID_BYTES]) for digest in sorted(links)}
    finally:
        source.close()
    shown = {digest: one for digest, one in given.items() if one is not None}
    kept = {digest for digest, one in shown.items() if one.kept is not None}
    if to is not None:
        to.mkdir(parents=True)
        for digest, one in shown.items():
            (to / f"{digest.hex()}.json").write_bytes(one.proof.to_bytes())
    absent, missing = len(shown) - len(kept), given.keys() - shown.keys()
    _tell_absent(signed.said, len(receipt.targets), missing, kept, absent, json_=json_)
    if absent < len(given):
        raise typer.Exit(EXIT_MISSING)


def _tell_absent(
    said: Attestation, targets: int, missing: set[bytes], kept: set[bytes], absent: int, *, json_: bool
) -> None:
    others = targets - absent - len(missing) - len(kept)
    if json_:
        print_json(
            {
                "ok": not missing and not kept,
                "organisation": said.organisation,
                "dataset": said.dataset,
                "number": said.number,
                "absent": absent,
                "kept": sorted(digest.hex() for digest in kept),
                "missing": sorted(digest.hex() for digest in missing),
                "not_links": others,
            }
        )
        return
    say(
        f"{absent:,} links are proven absent from what {said.organisation} kept of {said.dataset} under list no. {said.number}"
    )
    if kept:
        say(f"{len(kept):,} links WERE KEPT: their proofs show them among what was bound")
    if missing:
        say(f"{len(missing):,} links have no proof, mostly because the list they applied did not name them")
    if others:
        say(f"{others:,} other things of this choice are no links, and cannot be looked up one by one")
    say("this shows what they bound themselves to, not that nothing else was used")


def audit_attestation(
    attestation: Path = typer.Argument(help="Attestation whose entries were drawn"),
    openings: Path = typer.Argument(help="File with the entries that were drawn and opened"),
    receipt: Path = typer.Option(..., help="Receipt of the attestation: it was in the log before the draw"),
    policy: Path = typer.Option(..., help="File that names the log and its witnesses"),
    key: str = typer.Option(..., help="Verifier key of whoever signed"),
    ruleset: list[Path] = typer.Option(..., help="Synced folder of the list that was applied"),
    coverage: list[Path] = typer.Option([], help="Coverage file that was applied with it"),
    output: Path | None = typer.Option(
        None, help="The output itself, if you have it: entries are compared with it"
    ),
    json_: bool = typer.Option(False, "--json", help="Print the outcome as JSON"),
) -> None:
    """Decide again about the entries that a cosigned checkpoint drew. Leaves with 5 if one should not have been kept."""
    from byleave.apply.auditing import audit_openings
    from byleave.release.file_lists import read_within
    from byleave.release.openings import MAX_OPENINGS_BYTES, Openings

    try:
        opened = Openings.parse(read_within(openings, MAX_OPENINGS_BYTES))
    except OSError as error:
        raise NotFoundError(
            f"{openings} cannot be read: {error.strerror}", remedy="check the name"
        ) from error
    signed = signed_attestation(attestation, key)
    audited = audit_openings(
        opened, signed, _receipt(receipt), read_policy(policy), ruleset, coverages=coverage, output=output
    )
    if json_:
        print_json(_audited(audited))
    else:
        _tell_audited(audited, signed.said)
    if audited.breaches:
        raise typer.Exit(VerificationError.exit_code)


def _audited(audited: Audited) -> dict[str, Any]:
    return {
        "ok": not audited.breaches,
        "opened": audited.opened,
        "kept": audited.kept,
        "breaches": [
            {"place": one.row.place, "part": one.row.part, "reason": one.reason} for one in audited.breaches
        ],
        "missed_if_one_percent": audited.missed(),
        "checkpoint": audited.witnessed.checkpoint.size,
        "witnesses": [one.key.name for one in audited.witnessed.cosignatures],
        "compared_with_output": audited.compared,
    }


def _tell_audited(audited: Audited, said: Attestation) -> None:
    witnesses = ", ".join(one.key.name for one in audited.witnessed.cosignatures)
    say(
        f"{audited.opened:,} of {audited.kept:,} entries kept were drawn by the checkpoint at {audited.witnessed.checkpoint.size:,}, "
        f"cosigned by {witnesses}"
    )
    for breach in audited.breaches[:_SHOWN]:
        say(f"BREACH at {breach.row.part}, entry {breach.row.place:,} of those kept: {breach.reason}")
    if audited.breaches:
        say(
            f"{len(audited.breaches):,} of them should not have been kept: {said.organisation} did not do what it signed"
        )
        return
    say(
        f"all of them stay under list no. {said.number}; if one in a hundred did not, a draw like this would miss it with {audited.missed():.1e}"
    )
    say(
        "not seen by this: entries left out of what was bound, a dataset trimmed before, and what else a model was trained on"
    )


def _receipt(path: Path) -> Receipt:
    from byleave.log.notes import MAX_NOTE_BYTES
    from byleave.release.file_lists import read_within
    from byleave.release.receipts import Receipt

    try:
        return Receipt.parse(read_within(path, 16 * MAX_NOTE_BYTES))
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}", remedy="check the name") from error
