"""`byleave apply`: take out of a dataset what people refused, and say why."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import typer

from byleave.cli.output import now, print_json, say
from byleave.errors import InputError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from byleave.apply.report import Report

Word = TypeVar("Word", bound=StrEnum)


def apply(
    ruleset: Path = typer.Option(..., help="Folder that `byleave sync` keeps"),
    input_: str = typer.Option(
        ..., "--input", help="File or folder in any form that is known, or name of a dataset"
    ),
    output: Path = typer.Option(..., help="Folder to write; it must not be there yet"),
    regime: str = typer.Option(
        ..., help="Where nobody answered: opt_out keeps, opt_in drops, research reports"
    ),
    use: list[str] = typer.Option(..., help="What the dataset is for, such as train_gen; may be repeated"),
    mode: str = typer.Option(
        "filter", help="mask lists positions, annotate adds two columns, filter writes the rows that stay"
    ),
    workers: int = typer.Option(1, min=1, help="Processes that share the files; the output is the same"),
    coverage: Path | None = typer.Option(None, help="File made by `byleave copies cover`"),
    fingerprints: Path | None = typer.Option(None, help="Folder written by `byleave fingerprint`"),
    unchecked: str | None = typer.Option(None, help="Rows that could not be checked: keep or drop"),
    with_pending: bool = typer.Option(False, "--with-pending", help="Act on refusals not confirmed yet, too"),
    since: int | None = typer.Option(
        None, help="The input is what a run under this list left: copy files that lose nothing more"
    ),
    max_age: str | None = typer.Option(None, help="Refuse a list older than this, such as 3d"),
    grace: str | None = typer.Option(None, help="Use it that much longer, with a warning, such as 12h"),
    json_: bool = typer.Option(False, "--json", help="Print the report as JSON"),
) -> None:
    """Write a dataset without what people refused, a list of what was taken out, and a report; or the list and the report alone."""
    from byleave.apply.modes import Mode
    from byleave.apply.report import report_object
    from byleave.apply.run import ApplyRequest, apply_ruleset
    from byleave.apply.shard import Unchecked
    from byleave.consent import Regime, Use
    from byleave.release.age import AgeLimit, check_age
    from byleave.settings import Settings

    request = ApplyRequest(
        ruleset=ruleset,
        input=input_,
        output=output,
        regime=word_of(Regime, regime, "--regime"),
        uses=tuple(word_of(Use, one, "--use") for one in use),
        home=Settings.from_process().home,
        coverage=coverage,
        unchecked=word_of(Unchecked, unchecked, "--unchecked") if unchecked is not None else None,
        with_pending=with_pending,
        max_age=AgeLimit.parse(max_age, grace) if max_age is not None else None,
        mode=word_of(Mode, mode, "--mode"),
        workers=workers,
        since=since,
        fingerprints=fingerprints,
    )
    with _Shown() as shown:
        report = apply_ruleset(request, now(), shown.step)
    if request.max_age is not None and (warning := check_age(report.release, request.max_age, now())):
        say(warning)
    if json_:
        print_json(report_object(report))
    else:
        _print(report, output)


def _print(report: Report, output: Path) -> None:
    from byleave.consent import Regime
    from byleave.datasets import OWN_FOLDER

    say(f"release {report.release.number}: kept {report.kept:,} of {report.rows:,} rows")
    for regime, kept, removed in report.regimes():
        chosen = "  <- written" if regime is report.run.regime else ""
        say(f"  {regime.value:<9} keeps {kept:>12,}  removes {removed:>12,}{chosen}")
    if report.run.regime is Regime.RESEARCH:
        say(
            f"nothing was removed; {report.run.removed_file} lists {report.listed:,} rows opt_out would remove"
        )
    totals = report.tally.totals
    if totals["unreadable"]:
        say(f"{totals['unreadable']:,} rows have no link that can be read")
    if totals["unchecked"]:
        did = f", and --unchecked {report.run.unchecked} was given" if report.run.unchecked else ""
        say(f"{totals['unchecked']:,} rows could not be checked against all claims{did}")
    if report.left_out:
        say(f"{len(report.left_out):,} files of the input are of no known form and were not copied")
    say(f"read {output / OWN_FOLDER / 'report.html'}")


class _Shown:
    """Progress on the terminal, where there is one."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, name: str, done: int, total: int) -> None:
        """Show one step's rows."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(f"{name:<6}", total=total)
        self._progress.update(self._tasks[name], completed=done)


def word_of(words: type[Word], text: str, option: str) -> Word:
    """Return the member of an enumeration that an option names."""
    known = [str(word) for word in words]
    if text not in known:
        raise InputError(f"{option} cannot be {text!r}", remedy="use one of: " + ", ".join(known))
    return words(text)
