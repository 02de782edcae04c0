"""`byleave models`: note which models a public source says were trained on a dataset."""

from __future__ import annotations

from dataclasses import asdict

import typer

from byleave.cli.output import now, print_json, say
from byleave.errors import InputError
from byleave.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Note documented models for the public page of who kept what")


@app.command()
def add(
    name: str = typer.Argument(help="What the model is called"),
    by: str = typer.Option(..., "--by", help="The organisation, named as it is named here if it is here"),
    dataset: str = typer.Option(..., help="The dataset, named as statements name it"),
    source: str = typer.Option(..., help="Web address of what says so"),
    date: str = typer.Option(..., help="Day on which that was published, such as 2026-05-31"),
    json_: bool = typer.Option(False, "--json", help="Print the model as JSON"),
) -> None:
    """Note a model with its source and date; saying it again replaces both."""
    from datetime import UTC, datetime

    from byleave.registry.database import Database
    from byleave.registry.models import Model, add_model
    from byleave.registry.permissions import OPERATOR

    try:
        dated = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise InputError(f"{date[:40]!r} is not a day", remedy="write it as 2026-05-31") from error
    model = Model(name, by, dataset, source, dated)
    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        add_model(session, model, who=OPERATOR, at=now())
    if json_:
        print_json(asdict(model))
        return
    say(f"noted: {name} by {by}, trained on {dataset}, says {source}")


@app.command("list")
def list_(json_: bool = typer.Option(False, "--json", help="Print the models as JSON")) -> None:
    """List the models that are noted."""
    from byleave.registry.database import Database
    from byleave.registry.models import models

    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        found = models(session)
    if json_:
        print_json([asdict(model) for model in found])
        return
    for model in found:
        say(
            f"{model.name} by {model.organisation}, trained on {model.dataset}: {model.source}, {model.dated:%Y-%m-%d}"
        )


@app.command()
def remove(
    name: str = typer.Argument(help="What the model is called"),
    by: str = typer.Option(..., "--by", help="The organisation"),
    dataset: str = typer.Option(..., help="The dataset"),
    json_: bool = typer.Option(False, "--json", help="Print the outcome as JSON"),
) -> None:
    """Forget a model."""
    from byleave.registry.database import Database
    from byleave.registry.models import remove_model
    from byleave.registry.permissions import OPERATOR

    with Database.open(Settings.from_process()) as database, database.transaction() as session:
        remove_model(session, name, by, dataset, who=OPERATOR)
    if json_:
        print_json({"ok": True})
        return
    say(f"forgotten: {name} by {by}")
