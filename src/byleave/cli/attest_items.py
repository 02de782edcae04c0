"""`byleave attest bind`, `prove` and `open`: what the keeper of an output does so that single entries can be checked."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import print_json, say
from byleave.cli.progress import Shown
from byleave.cli.verify_statements import ATTESTATION, statement_bytes
from byleave.errors import as_format_error

if TYPE_CHECKING:
    from byleave.log import Policy
    from byleave.release.attestations import Attestation
    from byleave.release.receipts import Receipt
    from byleave.release.statements import Signed

_DRAWN = 1_000
_LOGGED = "hand the attestation in first with `byleave attest submit`, or name its receipt with --receipt"


def bind(
    output: Path = typer.Argument(help="Folder that `byleave apply` wrote"),
    ruleset: list[Path] = typer.Option(
        ..., help="Folder that `byleave sync` keeps; of several registries name each"
    ),
    coverage: list[Path] = typer.Option([], help="Coverage file that was applied with it"),
    to: Path = typer.Option(
        ..., "--to", help="New folder for the bound entries; keep it, and give it to nobody"
    ),
    json_: bool = typer.Option(False, "--json", help="Print the roots as JSON"),
) -> None:
    """Bind every entry kept and taken out, so that the attestation names them all without telling which they are."""
    from byleave.apply.opening import bind_output
    from byleave.cli.compiling import tell_of_compiling
    from byleave.processes import keep_freed_memory

    keep_freed_memory()
    tell_of_compiling()
    bound = bind_output(output, ruleset, coverage, to)
    if json_:
        print_json(bound.members())
        return
    say(f"bound {bound.kept.size:,} entries kept and {bound.removed.size:,} taken out")
    say(f"sign with `byleave attest sign {output} --bound {to}`, and hand {to} to nobody")


def prove(
    attestation: Path = typer.Argument(help="Attestation that names the bound entries"),
    bound: Path = typer.Option(..., help="Folder that `byleave attest bind` wrote"),
    ruleset: list[Path] = typer.Option(
        ..., help="Synced folder of the list that was applied; of several registries name each"
    ),
    key: str = typer.Option(..., help="Verifier key of whoever signed"),
    to: Path = typer.Option(..., "--to", help="New folder for the proofs, to be served as plain files"),
    json_: bool = typer.Option(False, "--json", help="Print the numbers as JSON"),
) -> None:
    """Write, for everything that the list names, the proof that nothing of it was kept, or that something was. Any file server serves them."""
    from byleave.apply.binding import refuse_place
    from byleave.apply.opening import Bound
    from byleave.apply.proving import write_absences
    from byleave.cli.compiling import tell_of_compiling
    from byleave.release import open_synced
    from byleave.release.attested import output_beside

    signed, output = signed_attestation(attestation, key), output_beside(attestation)
    refuse_place(to, bound, *((output,) if output else ()))
    with Shown() as shown:
        tell_of_compiling(shown.line)
        proven = write_absences(
            Bound.open(bound), signed, list(map(open_synced, ruleset)), to, partial(shown.step, "prove")
        )
    if json_:
        print_json({"absent": proven.absent, "kept": proven.kept, "without": proven.without})
        return
    every = proven.absent + proven.kept + proven.without
    say(f"{proven.absent:,} of {every:,} targets of the list: proven to have nothing kept under them")
    if proven.kept:
        say(
            f"{proven.kept:,} of them: something was kept, and the proofs say so; a yes, or a no that does not count yet, say"
        )
    if proven.without:
        say(f"{proven.without:,} of them have no proof: not every entry kept was compared with them")
    say(
        f"serve {to} by https, and tell the registry where: `byleave attest submit {attestation} --proofs URL …`"
    )


def open_(
    output: Path = typer.Argument(help="Folder that `byleave apply` wrote, signed"),
    bound: Path = typer.Option(..., help="Folder that `byleave attest bind` wrote"),
    key: str = typer.Option(..., help="Verifier key of whoever signed"),
    checkpoint: Path = typer.Option(
        ..., help="Checkpoint of the log, later than the attestation, cosigned by a witness"
    ),
    policy: Path = typer.Option(
        ..., help="File that names the log and its witnesses, see `byleave verify --help`"
    ),
    ruleset: list[Path] = typer.Option(
        ..., help="Synced folder of the list that was applied; of several registries name each"
    ),
    coverage: list[Path] = typer.Option([], help="Coverage file that was applied with it"),
    receipt: Path | None = typer.Option(
        None,
        help="Receipt of the attestation; left out: the one that `byleave attest submit` wrote beside it",
    ),
    count: int = typer.Option(_DRAWN, min=1, help="How many entries to draw"),
    to: Path = typer.Option(..., "--to", help="File for the entries that were drawn"),
) -> None:
    """Open the entries that a cosigned checkpoint draws, so that anybody can decide about them again."""
    from byleave.apply.opening import Bound, open_drawn
    from byleave.apply.redeciding import redecider
    from byleave.cli.attest import receipt_beside
    from byleave.cli.compiling import tell_of_compiling
    from byleave.cli.statement_words import expect_new, write_new
    from byleave.release.attested import ATTESTATION_PATH
    from byleave.release.keys import verify_ed25519
    from byleave.release.openings import check_order

    expect_new(to)
    signed = signed_attestation(output / ATTESTATION_PATH, key)
    note, rules = read_note(checkpoint), read_policy(policy)
    held = read_receipt(receipt or receipt_beside(output / ATTESTATION_PATH), _LOGGED)
    check_order(held, signed.sha256, rules, rules.open_checkpoint(note, verify_ed25519))
    tell_of_compiling()
    decider = redecider(signed.said, ruleset, coverage)
    openings = open_drawn(output, Bound.open(bound), signed, note, rules, count, decider)
    write_new(to, openings.to_bytes())
    say(f"opened {len(openings.rows):,} entries: publish {to} with the attestation and its receipt")


def signed_attestation(path: Path, key: str) -> Signed[Attestation]:
    """Read an attestation that a key signed."""
    from byleave.log import VerifierKey
    from byleave.release.attestations import open_attestation

    content, believed = statement_bytes(path), [VerifierKey.parse(key)]
    with as_format_error(f"{path} is no attestation", remedy=ATTESTATION):
        return open_attestation(content, believed)


def read_note(path: Path) -> str:
    """Read a checkpoint with its signatures."""
    from byleave.log.lines import text_of
    from byleave.log.notes import MAX_NOTE_BYTES
    from byleave.storage import read_at_most

    content = read_at_most(
        path, MAX_NOTE_BYTES, remedy="name a checkpoint of the log, as the registry serves it"
    )
    return text_of(content, limit=MAX_NOTE_BYTES, what="the checkpoint")


def read_policy(path: Path) -> Policy:
    """Read whom to believe about a log."""
    from byleave.log import Policy
    from byleave.log.policy import MAX_POLICY_BYTES
    from byleave.storage import read_at_most

    remedy = "name a file with one line for each log and each witness you believe"
    content = read_at_most(path, MAX_POLICY_BYTES, remedy=remedy)
    with as_format_error(f"{path} cannot be used", remedy=remedy):
        return Policy.parse(content)


def read_receipt(path: Path, remedy: str) -> Receipt:
    """Read a receipt; ``remedy`` says which one is meant."""
    from byleave.log.tlog_proof import MAX_PROOF_BYTES
    from byleave.release.receipts import Receipt
    from byleave.storage import read_at_most

    content = read_at_most(path, MAX_PROOF_BYTES, remedy=remedy)
    with as_format_error(f"{path} is no receipt", remedy=remedy):
        return Receipt.parse(content)
