"""`byleave prove-absent` and `byleave audit-attestation`: what anybody can check about single entries of somebody else's output."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from byleave.cli.attest_items import read_note, read_policy, read_receipt, signed_attestation
from byleave.cli.output import print_json, say
from byleave.errors import ConflictError, InputError, VerificationError, as_format_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from byleave.apply.auditing import Audited
    from byleave.consent import TargetKind
    from byleave.release.attestations import Attestation
    from byleave.release.items import Absence
    from byleave.release.openings import Openings

EXIT_MISSING = 8
"""Nothing is wrong with what is given, and it is less than was asked for; as `byleave verify` leaves for a choice not in force."""

_SHOWN = 10
_CHOICE = (
    "name the receipt of your choice: the small file that the registry hands out for it, on the page of the choice or by "
    "`byleave claim receipt ID --out FILE`"
)
_PROOFS = "name the folder that `byleave attest prove` wrote, or the web address at which it is served"
_SUBMITTED = "name the receipt of the attestation: the file that `byleave attest submit` wrote beside it, ending in .tlog-proof"


def prove_absent(
    claim: Path = typer.Argument(help="Receipt of your choice"),
    attestation: Path = typer.Argument(help="Attestation of whoever applied a list"),
    proofs: str = typer.Option(..., help="Folder or web address at which their proofs are served"),
    key: str = typer.Option(..., help="Verifier key of whoever signed the attestation"),
    policy: Path | None = typer.Option(
        None, help="File that names the log of the registry: it must have signed that it holds your choice"
    ),
    to: Path | None = typer.Option(None, "--to", help="New folder to keep the proofs in, one file each"),
    json_: bool = typer.Option(False, "--json", help="Print the outcome as JSON"),
) -> None:
    """Check that nothing your choice covers was kept in what an organisation made: links, paths, sites, files and pictures.

    Leaves with 0 if that is proven of all it names, with 8 if something was kept or a proof is missing, and with 5 if a proof, or your
    receipt, does not hold.
    """
    from byleave.release.absences import Absences
    from byleave.release.sources import open_source

    targets, signed = _chosen(claim, policy), signed_attestation(attestation, key)
    if to is not None and to.exists():
        raise ConflictError(f"{to} is there already", remedy="name a new folder")
    with as_format_error(f"{proofs} cannot be used", remedy=_PROOFS), closing(open_source(proofs)) as source:
        found = Absences(source, signed)
        given = {target: found.find(*target) for target in targets}
    shown = {target: one for target, one in given.items() if one is not None}
    if to is not None:
        _keep_proofs({digest: one.proof for (_, digest), one in shown.items()}, to)
    looked_up = _LookedUp(
        sum(one.kept is None for one in shown.values()),
        [target for target, one in shown.items() if one.kept is not None],
        [target for target in targets if target not in shown],
        log_checked=policy is not None,
    )
    if json_:
        print_json(looked_up.members(signed.said))
    else:
        looked_up.tell(signed.said)
    if looked_up.absent < len(given):
        raise typer.Exit(EXIT_MISSING)


def _chosen(claim: Path, policy: Path | None) -> list[tuple[TargetKind, bytes]]:
    """Return what a choice covers, once its receipt holds: under the logs of a policy, or else as far as can be seen without one."""
    from byleave.log import Policy

    receipt = read_receipt(claim, _CHOICE)
    receipt.check_place()
    if policy is not None:
        receipt.verify(Policy(read_policy(policy).logs))
    if not receipt.targets:
        raise InputError(
            "this receipt does not say what the choice covers, so nothing can be looked up in the proofs",
            remedy="a receipt of more than 1,000 targets leaves them out: use the button on the page of the choice",
        )
    return sorted({(target.kind, target.digest) for target in receipt.targets})


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """How many targets of a choice are proven to have nothing kept under them, and which others there are."""

    absent: int
    kept: list[tuple[TargetKind, bytes]]
    missing: list[tuple[TargetKind, bytes]]
    log_checked: bool

    def members(self, said: Attestation) -> dict[str, Any]:
        return {
            "ok": not self.missing and not self.kept,
            "organisation": said.organisation,
            "dataset": said.dataset,
            "number": said.number,
            "absent": self.absent,
            "kept": _named(self.kept),
            "missing": _named(self.missing),
            "log_checked": self.log_checked,
        }

    def tell(self, said: Attestation) -> None:
        kept_of = f"what {said.organisation} kept of {said.dataset} under list no. {said.number}"
        every = self.absent + len(self.kept) + len(self.missing)
        say(f"{self.absent:,} of {every:,} that your choice names: proven to cover nothing of {kept_of}")
        if self.kept:
            say(f"KEPT, or covering something that was, as the proofs show: {_counted(self.kept)}")
        if self.missing:
            say(
                f"without a proof: {_counted(self.missing)}; mostly because the list they applied did not name it, "
                "or because not every picture, or file, was compared"
            )
        if not self.log_checked:
            say("not checked: whether a log that you believe signed your receipt; --policy FILE names it")
        say("this shows what they bound themselves to, not that nothing else was used")


def _named(targets: list[tuple[TargetKind, bytes]]) -> list[dict[str, str]]:
    return [{"kind": kind.value, "digest": digest.hex()} for kind, digest in targets]


def _counted(targets: list[tuple[TargetKind, bytes]]) -> str:
    return ", ".join(
        f"{count:,} of kind {kind}" for kind, count in Counter(kind.value for kind, _ in targets).items()
    )


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
    checkpoint: Path | None = typer.Option(
        None,
        help="Checkpoint that you gave them to draw by; without it they may have tried many until one suited",
    ),
    json_: bool = typer.Option(False, "--json", help="Print the outcome as JSON"),
) -> None:
    """Decide again about the entries that a cosigned checkpoint drew. Leaves with 5 if one should not have been kept."""
    from byleave.apply.auditing import audit_openings
    from byleave.cli.compiling import tell_of_compiling

    tell_of_compiling()
    opened, signed = _read_openings(openings), signed_attestation(attestation, key)
    audited = audit_openings(
        opened,
        signed,
        read_receipt(receipt, _SUBMITTED),
        read_policy(policy),
        ruleset,
        coverages=coverage,
        output=output,
        checkpoint=read_note(checkpoint) if checkpoint is not None else None,
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
        "checkpoint_given": audited.given,
        "witnesses": [one.key.name for one in audited.witnessed.cosignatures],
        "compared_with_output": audited.compared,
        "fingerprints": audited.printed,
        "stated": audited.stated,
        "stated_was_bound": audited.bound,
    }


def _tell_audited(audited: Audited, said: Attestation) -> None:
    witnesses = ", ".join(one.key.name for one in audited.witnessed.cosignatures)
    say(
        f"{audited.opened:,} of {audited.kept:,} entries kept were drawn by the checkpoint at {audited.witnessed.checkpoint.size:,}, "
        f"cosigned by {witnesses}"
    )
    for breach in audited.breaches[:_SHOWN]:
        say(
            f"BREACH: entry {breach.row.place:,} of what they bound, which stands in {breach.row.part}: {breach.reason}"
        )
    if audited.breaches:
        say(
            f"{len(audited.breaches):,} of them should not have been kept: {said.organisation} did not do what it signed"
        )
        return
    say(
        f"all of them stay under list no. {said.number}; if one in a hundred did not, a draw like this would miss it with {audited.missed():.1e}"
    )
    if not audited.given and audited.opened < audited.kept:
        say(
            "that holds for one draw, and they may have tried many: give them a checkpoint to draw by, and name it with --checkpoint"
        )
    _tell_stated(audited)
    say(
        "not seen by this: entries left out of what was bound, a dataset trimmed before, and what else a model was trained on"
    )


def _tell_stated(audited: Audited) -> None:
    if audited.stated and audited.bound:
        say(f"{audited.stated:,} state what file or picture they are, as it was bound before the draw")
    elif audited.stated:
        told = "as the output states it" if audited.compared else "as it was told"
        say(
            f"{audited.stated:,} state what file or picture they are, {told}: it was not bound with them, "
            "so that only the output shows whether it is what was signed (--output)"
        )
    if audited.printed:
        say(
            f"{audited.printed:,} were decided by a fingerprint too; whether it is that of the picture, whoever has the picture can see"
        )


def _keep_proofs(proofs: Mapping[bytes, Absence], to: Path) -> None:
    """Write each proof to a file of its own, under the digest of what it is about."""
    from byleave.storage import staged_folder

    with staged_folder(to) as staging:
        for digest, proof in proofs.items():
            (staging / f"{digest.hex()}.json").write_bytes(proof.to_bytes())


def _read_openings(path: Path) -> Openings:
    from byleave.release.openings import MAX_OPENINGS_BYTES, Openings
    from byleave.storage import read_at_most

    remedy = "name the file that `byleave attest open` wrote; whoever signed the attestation publishes it"
    content = read_at_most(path, MAX_OPENINGS_BYTES, remedy=remedy)
    with as_format_error(f"{path} cannot be used", remedy=remedy):
        return Openings.parse(content)
