"""`byleave diff`: what one variant of a dataset has and the other has not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import print_json, say
from byleave.cli.statement_words import expect_new, write_new

if TYPE_CHECKING:
    from byleave.apply.comparing import Difference

SHOWN = 8


def diff(
    first: str = typer.Argument(help="Output of `byleave apply`, or any dataset that it takes"),
    second: str = typer.Argument(help="The other one"),
    html: Path | None = typer.Option(
        None, help="Write a page of charts to this file; it must not be there yet"
    ),
    ruleset: list[Path] = typer.Option(
        [], help="Folder that `byleave sync` keeps, to tell whose choices they are; may be repeated"
    ),
    scratch: Path | None = typer.Option(
        None, help="Folder for 25 bytes of work files for each row; else the system's"
    ),
    json_: bool = typer.Option(False, "--json", help="Print the comparison as JSON"),
) -> None:
    """Say which rows two variants of a dataset do not share: hosts, words of captions, creators and choices gained and lost."""
    from byleave.apply.comparing import compare
    from byleave.apply.comparing_page import Comparison, comparison_object, comparison_page
    from byleave.apply.registries import open_registries
    from byleave.apply.sources import find_input
    from byleave.apply.variants import open_variant, pseudonyms
    from byleave.cli.compiling import tell_of_compiling
    from byleave.cli.progress import Shown
    from byleave.settings import Settings

    if html is not None:
        expect_new(html)
    registries = open_registries(ruleset) if ruleset else None
    home = Settings.from_process().home
    before, after = (open_variant(given) for given in (first, second))
    one, other = (find_input(given, home, with_version=False) for given in (first, second))
    with Shown() as shown:
        tell_of_compiling(shown.line)
        found = compare(one, other, scratch, shown.step)
    claims = [*{*before.claims, *after.claims}]
    named = pseudonyms(registries, claims) if registries else {}
    comparison = Comparison(before, after, found, named)
    if html is not None:
        write_new(html, comparison_page(comparison).encode())
    if json_:
        print_json(comparison_object(comparison))
    else:
        _print(found, html)


def _print(found: Difference, html: Path | None) -> None:
    say(f"{found.shared:,} rows in both, {found.lost.rows:,} lost, {found.gained.rows:,} gained")
    for words, lost, gained in (
        ("hosts", found.lost.hosts, found.gained.hosts),
        ("words", found.lost.words, found.gained.words),
        ("creators", found.lost.creators, found.gained.creators),
    ):
        _print_names(f"{words} lost", lost)
        _print_names(f"{words} gained", gained)
    if html is not None:
        say(f"read {html}")


def _print_names(words: str, counts: Counter[str]) -> None:
    if counts:
        listed = ", ".join(f"{name} ({count:,})" for name, count in counts.most_common(SHOWN))
        say(f"  {words}: {listed}")
