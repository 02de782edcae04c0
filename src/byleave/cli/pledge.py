"""`byleave pledge`: say before training what will be done with a dataset, signed."""

from __future__ import annotations

from pathlib import Path

import typer

from byleave.cli.output import now, print_json, say
from byleave.cli.statement_words import one_line, write_new
from byleave.cli.words import word_of


def pledge(
    to: Path = typer.Option(..., "--to", help="File to write, such as pledge.dsse.json"),
    key: Path = typer.Option(..., help="File of your key, see `byleave keys make`"),
    registry: str = typer.Option(
        ..., help="Name of the registry whose lists will be applied, as in its key before the first +"
    ),
    dataset: str = typer.Option(..., help="What the dataset is called"),
    regime: str = typer.Option(
        ..., help="Where nobody answered: opt_out keeps, opt_in drops, research reports"
    ),
    use: list[str] = typer.Option(..., help="What the dataset is for, such as train_gen; may be repeated"),
    max_lag: int = typer.Option(..., help="Days that the list applied may be old before a newer one is"),
    minimum_evidence: str | None = typer.Option(
        None,
        help="From which evidence on an answer counts, such as deny=E1,allow=E3; left out: the rules alone",
    ),
    files: Path | None = typer.Option(
        None, help="File or folder of the dataset, where it is known already: the pledge then names its files"
    ),
    organisation: str | None = typer.Option(None, help="Who says it; left out: the name of the key"),
    json_: bool = typer.Option(False, "--json", help="Print what was signed as JSON"),
) -> None:
    """Write and sign a pledge: which lists will be applied to a dataset, how, and how old they may become."""
    from byleave.consent import Regime, Standard, Use
    from byleave.release.keys import read_key
    from byleave.release.pledges import Pledge, files_at
    from byleave.release.statements import sign_statement

    secret = read_key(key)
    said = Pledge(
        organisation=one_line(organisation or secret.verifier.name, "--organisation"),
        registry=one_line(registry, "--registry"),
        dataset=one_line(dataset, "--dataset"),
        regime=word_of(Regime, regime, "--regime"),
        uses=tuple(dict.fromkeys(word_of(Use, one, "--use") for one in use)),
        most_lag_days=max_lag,
        made_at=now(),
        minimum=Standard.parse(minimum_evidence),
        files=files_at(files) if files else (),
    )
    content = sign_statement(said.statement(), secret)
    write_new(to, content)
    if json_:
        print_json(said.statement().predicate)
        return
    say(
        f"{to}: {said.organisation} promises to apply lists of {said.registry} to {said.dataset}, none older than {max_lag} days"
    )
    say(f"hand it in with `byleave attest submit {to} --to URL --token FILE`, before training")
