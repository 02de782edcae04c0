"""`byleave attest`: sign what a run did, and let a registry's log hold it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import now, print_json, say
from byleave.cli.statement_words import log_beside, newest_checkpoint
from byleave.errors import InputError

if TYPE_CHECKING:
    from byleave.release.attestations import Attestation

app = typer.Typer(
    no_args_is_help=True, help="Sign what `byleave apply` did, and let a registry's log hold it"
)


@app.command()
def sign(
    output: Path = typer.Argument(help="Folder that `byleave apply` wrote"),
    key: Path = typer.Option(..., help="File of your key, see `byleave keys make`"),
    ruleset: Path | None = typer.Option(
        None, help="Folder that `byleave sync` keeps; the registry's log is found by it"
    ),
    log: str | None = typer.Option(
        None, help="Folder or web address of the registry's log, where no ruleset is named"
    ),
    dataset: str | None = typer.Option(None, help="What the dataset is called; left out: as in the report"),
    organisation: str | None = typer.Option(None, help="Who says it; left out: the name of the key"),
    pledge: Path | None = typer.Option(
        None, help="File of the pledge that this fulfils, signed by the same key"
    ),
    json_: bool = typer.Option(False, "--json", help="Print what was signed as JSON"),
) -> None:
    """Write `_byleave/attestation.dsse.json`: this output came from that input under this list, with digests and limits."""
    said = sign_output(output, key, _place(ruleset, log), dataset, organisation, pledge)
    if json_:
        print_json(said.statement().predicate)
        return
    tell_signed(said, output)


def sign_output(
    output: Path, key: Path, log: str, dataset: str | None, organisation: str | None, pledge: Path | None
) -> Attestation:
    """Sign what a finished run did, with the newest checkpoint of the log."""
    from byleave.apply.attesting import AttestRequest, read_report, registry_keys, write_attestation
    from byleave.release.keys import read_key

    secret = read_key(key)
    note = newest_checkpoint(log, registry_keys(read_report(output)))
    return write_attestation(AttestRequest(output, secret, note, organisation, dataset, pledge), now())


def tell_signed(said: Attestation, output: Path) -> None:
    """Say what was signed, and what to do with it."""
    from byleave.release.attested import ATTESTATION_PATH

    say(
        f"signed: {said.organisation} applied list no. {said.number} of {said.applied.origin} to {said.dataset}, "
        f"{len(said.outputs):,} files named"
    )
    say(f"hand it in with `byleave attest submit {output / ATTESTATION_PATH} --to URL --token FILE`")


def _place(ruleset: Path | None, log: str | None) -> str:
    if log is not None:
        return log
    if ruleset is None:
        raise InputError(
            "which log was the list made from?", remedy="pass --ruleset FOLDER or --log with its address"
        )
    return log_of(ruleset)


def log_of(ruleset: Path) -> str:
    """Return where the log of the registry stands that a synced folder follows."""
    from byleave.errors import NotFoundError
    from byleave.release.sync import read_current

    current = read_current(ruleset)
    if current is None:
        raise NotFoundError(
            f"{ruleset} holds no synced registry", remedy=f"run `byleave sync SOURCE --to {ruleset}`"
        )
    return log_beside(current.source)


@app.command()
def submit(
    statement: Path = typer.Argument(help="Attestation, pledge or feedback, signed"),
    to: str = typer.Option(..., "--to", help="Web address of the registry"),
    token: Path = typer.Option(..., "--token", help="File with your organisation's key of scope `report`"),
    receipt: Path | None = typer.Option(
        None, help="Where to write the receipt; left out: beside the statement, ending in .tlog-proof"
    ),
    json_: bool = typer.Option(False, "--json", help="Print the answer as JSON"),
) -> None:
    """Hand a signed statement in, and keep the receipt that the registry's public log holds it. Doing it again is harmless."""
    from byleave.cli.statement_words import hand_in
    from byleave.cli.verify_statements import statement_bytes
    from byleave.log.envelopes import Envelope
    from byleave.storage import write_atomically

    answer = hand_in(to, token, Envelope.parse(statement_bytes(statement)).to_bytes())
    kept = receipt or receipt_beside(statement)
    write_atomically(kept, str(answer["receipt"]).encode())
    if json_:
        print_json(answer)
        return
    again = ", as before" if answer["again"] else ""
    say(f"entry {answer['entry']} of the log holds it{again}: {kept} is the receipt")
    say(f"check it with `byleave verify {kept} --key KEY`, KEY being the registry's")


def receipt_beside(statement: Path) -> Path:
    """Return where the receipt of a statement is kept: beside it, by the name of the statement's file without its ending."""
    return statement.with_name(statement.name.removesuffix(".json").removesuffix(".dsse") + ".tlog-proof")
