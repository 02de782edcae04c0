"""A dataclass as the options of a command: what a field says of an option, Typer hears."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer
from typer.testing import CliRunner

from byleave.cli.options import takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    name: Annotated[str, typer.Option(help="Whose it is")]
    colour: Annotated[list[str], typer.Option()] = field(default_factory=list)
    size: Annotated[int, typer.Option("--how-large", min=1)] = 3


def run(*words: str) -> tuple[int, str]:
    app = typer.Typer()

    @app.command()
    @takes(Asked)
    def paint(asked: Asked) -> None:
        """Paint a picture."""
        typer.echo(f"{asked.name} {asked.colour} {asked.size}")

    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "120", "TERM": "dumb"})
    return done.exit_code, done.output


def test_fields_are_options_with_their_defaults() -> None:
    assert run("--name", "mara") == (0, "mara [] 3\n")
    assert run("--name", "mara", "--colour", "red", "--colour", "blue", "--how-large", "9") == (
        0,
        "mara ['red', 'blue'] 9\n",
    )


def test_a_field_without_a_default_is_needed_and_a_limit_holds() -> None:
    assert run("--how-large", "4")[0] == 2
    assert run("--name", "mara", "--how-large", "0")[0] == 2


def test_the_help_is_that_of_the_function_and_of_the_fields() -> None:
    code, page = run("--help")
    assert code == 0
    assert "Paint a picture." in page
    assert "Whose it is" in page
