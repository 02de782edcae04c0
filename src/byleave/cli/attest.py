"""`byleave attest`: sign what a run did, and let a registry's log hold it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import typer

from byleave.cli.output import now, print_json, say
from byleave.cli.statement_words import log_beside, newest_checkpoint
from byleave.errors import InputError, as_format_error

if TYPE_CHECKING:
    from byleave.apply.request import ApplyRequest
    from byleave.release import Release
    from byleave.release.attestations import Attestation
    from byleave.release.keys import SigningKey

app = typer.Typer(
    no_args_is_help=True, help="Sign what `byleave apply` did, and let a registry's log hold it"
)


@app.command()
def sign(
    output: Path = typer.Argument(help="Folder that `byleave apply` wrote"),
    key: Path = typer.Option(..., help="File of your key, see `byleave keys make`"),
    ruleset: list[Path] = typer.Option(
        [],
        help="Folder that `byleave sync` keeps; the registry's log is found by it. Of several registries name each",
    ),
    log: list[str] = typer.Option(
        [], help="Folder or web address of a registry's log, in place of those found by --ruleset"
    ),
    dataset: str | None = typer.Option(None, help="What the dataset is called; left out: as in the report"),
    organisation: str | None = typer.Option(None, help="Who says it; left out: the name of the key"),
    pledge: Path | None = typer.Option(
        None, help="File of the pledge that this fulfils, signed by the same key"
    ),
    bound: Path | None = typer.Option(
        None, help="Folder that `byleave attest bind` wrote, so that single entries can be checked"
    ),
    json_: bool = typer.Option(False, "--json", help="Print what was signed as JSON"),
) -> None:
    """Write `_byleave/attestation.dsse.json`: this output came from that input under this list, with digests and limits."""
    from byleave.release.keys import read_key

    said = Signing(
        output, read_key(key), _places(ruleset, log), dataset, pledge, organisation, bound
    ).signed()
    if json_:
        print_json(said.statement().predicate)
        return
    tell_signed(said, output)


@dataclass(frozen=True, slots=True)
class Signing:
    """A signature that is asked for before there is anything to sign, so that what is missing is told before the work."""

    output: Path
    key: SigningKey
    logs: tuple[str, ...]
    dataset: str | None
    pledge: Path | None
    organisation: str | None = None
    bound: Path | None = None

    @classmethod
    def begun(
        cls,
        asked: ApplyRequest,
        key: Path,
        logs: Sequence[str],
        dataset: str | None,
        pledge: Path | None,
    ) -> Self:
        """Read the key, see that the log of every registry can be read and is its own, and that the run will do what was pledged."""
        from byleave.release import open_synced
        from byleave.release.keys import read_key
        from byleave.release.sync import read_current

        if not isinstance(asked.output, Path):
            raise InputError(
                "an attestation is signed in a folder, not among objects",
                remedy="copy _byleave.json and _byleave/ into a folder and run `byleave attest sign` there",
            )
        secret = read_key(key)
        lists = tuple(map(open_synced, asked.rulesets))
        if pledge is not None:
            _refuse_broken(pledge, secret, asked, lists, dataset)
        current = [read_current(folder) for folder in asked.rulesets]
        keys = tuple(key for one in current if one is not None for key in one.keys)
        places = _places(asked.rulesets, logs)
        found = {newest_checkpoint(place, keys).partition("\n")[0] for place in places}
        if lacking := {one.origin for one in lists} - found:
            raise InputError(
                f"none of the logs named is that of {min(lacking)}",
                remedy="name the log of every registry with --log, or leave --log out",
            )
        return cls(asked.output, secret, places, dataset, pledge, bound=asked.bind)

    def signed(self) -> Attestation:
        """Sign what the finished run did, with the newest checkpoint of each log."""
        from byleave.apply.attesting import AttestRequest, write_attestation
        from byleave.apply.finished import read_report, registry_keys

        keys = registry_keys(read_report(self.output))
        notes = tuple(newest_checkpoint(place, keys) for place in self.logs)
        asked = AttestRequest(self.output, self.key, notes, self.organisation, self.dataset, self.pledge)
        if self.bound is not None:
            from byleave.apply.opening import Bound

            asked = replace(asked, commitments=Bound.open(self.bound).commitments)
        return write_attestation(asked, now())


def _refuse_broken(
    pledge: Path, key: SigningKey, asked: ApplyRequest, lists: Sequence[Release], dataset: str | None
) -> None:
    """Refuse, before the work, what would break the pledge."""
    from byleave.apply.attesting import open_pledge
    from byleave.release.attestations import NamedList
    from byleave.release.fulfilling import Doing, refuse_broken

    named = tuple(NamedList(one.origin, one.name, one.published_at) for one in lists)
    # What is given by no path is a dataset by the name under which it was ingested, and that is what the report calls it.
    doing = Doing(
        dataset or asked.input,
        named,
        asked.regime,
        asked.uses,
        asked.standard,
        now(),
        asked.standard.as_of,
    )
    refuse_broken(open_pledge(pledge, key).said, doing)


def tell_signed(said: Attestation, output: Path) -> None:
    """Say what was signed, and what to do with it."""
    from byleave.release.attested import ATTESTATION_PATH

    lists = " and ".join(f"list no. {one.name.number} of {one.origin}" for one in said.lists)
    say(f"signed: {said.organisation} applied {lists} to {said.dataset}, {len(said.outputs):,} files named")
    say(f"hand it in with `byleave attest submit {output / ATTESTATION_PATH} --to URL --token FILE`")


def _places(rulesets: Sequence[Path], logs: Sequence[str]) -> tuple[str, ...]:
    if not logs and not rulesets:
        raise InputError(
            "which log was the list made from?", remedy="pass --ruleset FOLDER or --log with its address"
        )
    return tuple(logs) or tuple(map(log_of, rulesets))


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
    proofs: str | None = typer.Option(
        None,
        help="https address at which you serve what `attest prove` wrote; may be told, or changed, later",
    ),
    receipt: Path | None = typer.Option(
        None, help="Where to write the receipt; left out: beside the statement, ending in .tlog-proof"
    ),
    json_: bool = typer.Option(False, "--json", help="Print the answer as JSON"),
) -> None:
    """Hand a signed statement in, and keep the receipt that the registry's public log holds it. Doing it again is harmless."""
    from byleave.cli.statement_words import hand_in
    from byleave.cli.verify_statements import ATTESTATION, statement_bytes
    from byleave.log.envelopes import Envelope
    from byleave.storage import write_atomically

    content = statement_bytes(statement)
    with as_format_error(f"{statement} cannot be handed in", remedy=ATTESTATION):
        envelope = Envelope.parse(content)
    answer = hand_in(to, token, envelope.to_bytes(), proofs)
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


@app.command()
def feedback(
    to: str = typer.Option(..., "--to", help="Web address of the registry"),
    token: Path = typer.Option(..., "--token", help="File with your organisation's key of scope `report`"),
    key: Path = typer.Option(..., help="File of your key, see `byleave keys make`"),
    registry: str = typer.Option(..., help="Name of the registry, as in its key before the first +"),
    claim: str | None = typer.Option(
        None, help="Id of one claim, 32 hex digits, as lists and reports name it"
    ),
    outcome: str | None = typer.Option(None, help="applied, not_applicable or suspected_false"),
    why: str | None = typer.Option(None, help="A sentence for the claimant and for whoever looks at it"),
    file: Path | None = typer.Option(
        None, help="Many at once: JSON lines with claim, outcome and, if you like, target, rows, why"
    ),
    organisation: str | None = typer.Option(None, help="Who says it; left out: the name of the key"),
    json_: bool = typer.Option(False, "--json", help="Print the answer as JSON"),
) -> None:
    """Tell a registry, signed, what came of claims. Claimants and reviewers read it; it changes no claim."""
    from byleave.cli.statement_words import hand_in, one_line, read_lines
    from byleave.release.feedback import Feedback, verdicts_of
    from byleave.release.keys import read_key
    from byleave.release.statements import sign_statement

    if (file is None) == (claim is None or outcome is None):
        raise InputError("which claims?", remedy="name one with --claim and --outcome, or many with --file")
    secret = read_key(key)
    rows = read_lines(file) if file else [{"claim": claim, "outcome": outcome, "why": why}]
    said = Feedback(
        one_line(organisation or secret.verifier.name, "--organisation"),
        one_line(registry, "--registry"),
        now(),
        verdicts_of(rows),
    )
    answer = hand_in(to, token, sign_statement(said.statement(), secret))
    if json_:
        print_json(answer)
        return
    say(f"entry {answer['entry']} of the log holds what you say; claims it speaks of: {len(said.verdicts):,}")
