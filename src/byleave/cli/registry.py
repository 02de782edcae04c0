"""`byleave backup` and `byleave restore`: the registry in one file."""

from __future__ import annotations

from pathlib import Path

import typer

from byleave.cli.output import now, say
from byleave.settings import Settings


def backup(file: Path = typer.Argument(help="File to write; it must not exist")) -> None:
    """Write accounts, claims and events into one file. Signing keys are not in it: keep a copy of the keys folder yourself."""
    from byleave.registry.backup import backup as back_up

    back_up(Settings.from_process(), file, now())
    say(f"the registry is in {file}; keep it as safe as the registry, and keep the keys folder too")


def restore(
    file: Path = typer.Argument(help="File that `byleave backup` wrote"),
    replace: bool = typer.Option(False, "--replace", help="Replace what the registry holds now"),
) -> None:
    """Read a registry back, all of it or nothing."""
    from byleave.registry.backup import restore as put_back

    put_back(Settings.from_process(), file, replace=replace)
    say("the registry is restored; run `byleave doctor`, then `byleave publish`")
