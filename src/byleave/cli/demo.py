"""`byleave demo`: real pictures, invented links, simulated re-posts; a site to try, or a tour that checks the whole job."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from byleave.cli.output import now, say
from byleave.cli.progress import Shown
from byleave.settings import DEFAULT_PORT, Settings

if TYPE_CHECKING:
    from byleave.demo.telling import Check

ORIGINALS = 2_000
TOUR_ORIGINALS = 300
SEED = 2026


def demo(
    *,
    tour: bool = typer.Option(
        False, "--tour", help="Do the whole job once without a server and check every result"
    ),
    size: int | None = typer.Option(
        None, min=10, help="Number of originals; 2,000 for the site, 300 for the tour"
    ),
    seed: int = typer.Option(SEED, help="Another number gives other re-posts"),
    folder: Path | None = typer.Option(
        None, help="Home of the tour; left out, `demo/tour` in the home of this machine"
    ),
    no_open: bool = typer.Option(False, "--no-open", help="Do not open a browser"),
    port: int = typer.Option(DEFAULT_PORT, help="Port of the site, on this machine only"),
) -> None:
    """Prepare a demonstration on real pictures and open the site, or take the tour."""
    if tour:
        _tour(size or TOUR_ORIGINALS, seed, folder)
        return
    _site(size or ORIGINALS, seed, port, open_browser=not no_open)


def _tour(size: int, seed: int, folder: Path | None) -> None:
    from byleave.consent import Regime
    from byleave.datasets import OWN_FOLDER
    from byleave.demo import dataset
    from byleave.demo.prepare import demo_folder, make_pictures
    from byleave.demo.tour import Tour

    shared = demo_folder(Settings.from_process())
    home = (folder or shared / "tour").absolute()
    with Shown() as shown:
        made = home / "dataset"
        make_pictures(shared / "package", made, size, seed, _Told(shown))
        taken = Tour(home, dataset.read(made), _Told(shown), now)
        right = taken.run()
    wrong = [check for check in taken.checks if not check.holds]
    say("")
    say(f"pictures   {made}")
    say(f"outputs    {taken.results}")
    say(f"report     {taken.output(Regime.OPT_OUT) / OWN_FOLDER / 'report.html'}")
    if right:
        typer.echo(f"all {len(taken.checks)} checks hold")
        return
    typer.echo(f"{len(wrong)} of {len(taken.checks)} checks do not hold:")
    for check in wrong:
        typer.echo(f"  {check.sentence}")
    raise typer.Exit(1)


def _site(size: int, seed: int, port: int, *, open_browser: bool) -> None:
    from byleave.demo.prepare import prepare
    from byleave.web.server import serve_site

    settings = Settings.from_process()
    with Shown() as shown:
        prepared = prepare(settings, size=size, seed=seed, teller=_Told(shown), now=now)
    if prepared.seconds:
        say(f"prepared in {sum(prepared.seconds.values()):.0f} seconds; the next start skips this")

    def tell(address: str) -> None:
        typer.echo(f"Byleave is ready at {address}")
        # A browser that runs inside a terminal would hide the site's own words; without a terminal nobody looks.
        if open_browser and sys.stdout.isatty():
            webbrowser.open(address)

    serve_site(settings, host="127.0.0.1", port=port, demo=True, tell=tell)


class _Told:
    """Tells steps, words and checks on standard error, above the bar of the step."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def step(self, title: str) -> None:
        """Begin a step."""
        self._shown.forget()
        self._shown.line(title, style="bold")

    def say(self, words: str) -> None:
        """Say one thing about it."""
        self._shown.line(f"  {words}")

    def progress(self, done: int, total: int) -> None:
        """Show how far it is."""
        self._shown.step("", done, total)

    def check(self, check: Check) -> None:
        """Show one check."""
        word, style = ("right", "green") if check.holds else ("WRONG", "bold red")
        self._shown.line(f"  {word}: {check.sentence}", style=style)
