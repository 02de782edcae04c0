"""`byleave apply`: take out of a dataset what people refused, and say why."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from byleave.cli.moments import past_moment
from byleave.cli.output import now, print_json, say
from byleave.cli.progress import Shown
from byleave.errors import InputError

if TYPE_CHECKING:
    from byleave.apply.report import Report
    from byleave.release import Release

Word = TypeVar("Word", bound=StrEnum)


def apply(
    ruleset: list[Path] = typer.Option(
        ..., help="Folder that `byleave sync` keeps; may be repeated: of several registries any refusal wins"
    ),
    input_: str = typer.Option(
        ...,
        "--input",
        help="File or folder in any form that is known, s3://bucket/folder, or name of a dataset",
    ),
    output: str = typer.Option(..., help="Folder or s3://bucket/folder to write; it must not be there yet"),
    regime: str = typer.Option(
        ..., help="Where nobody answered: opt_out keeps, opt_in drops, research reports"
    ),
    use: list[str] = typer.Option(..., help="What the dataset is for, such as train_gen; may be repeated"),
    mode: str = typer.Option(
        "filter", help="mask lists positions, annotate adds two columns, filter writes the rows that stay"
    ),
    engine: str = typer.Option("local", help="Where the work is done: local or ray; the output is the same"),
    workers: int = typer.Option(1, min=1, help="Processes of this machine that share the files"),
    ray_address: str | None = typer.Option(
        None, help="Host and port of the Ray cluster; else RAY_ADDRESS or one on this machine"
    ),
    coverage: list[Path] = typer.Option(
        [], help="File made by `byleave copies cover`; may be repeated, once for each registry"
    ),
    fingerprints: Path | None = typer.Option(None, help="Folder written by `byleave fingerprint`"),
    unchecked: str | None = typer.Option(None, help="Rows that could not be checked: keep or drop"),
    with_pending: bool = typer.Option(False, "--with-pending", help="Act on refusals not confirmed yet, too"),
    min_evidence: str | None = typer.Option(
        None,
        help="Evidence from which answers count, such as deny=E1,allow=E3; a yes never from less than E2",
    ),
    as_of: str | None = typer.Option(
        None, help="Cut-off, such as 2026-06-01: what began later does not count"
    ),
    since: int | None = typer.Option(
        None, help="The input is what a run under this list left: copy files that lose nothing more"
    ),
    max_age: str | None = typer.Option(None, help="Refuse a list older than this, such as 3d"),
    grace: str | None = typer.Option(None, help="Use it that much longer, with a warning, such as 12h"),
    sign_with: Path | None = typer.Option(
        None, help="File of your key, see `byleave keys make`: an attestation is put into the output"
    ),
    dataset: str | None = typer.Option(
        None, help="What the attestation calls the dataset; left out: as in the report"
    ),
    log: str | None = typer.Option(
        None,
        help="Folder or web address of the registry's log, for the attestation; left out: beside its lists",
    ),
    pledge: Path | None = typer.Option(
        None, help="File of the pledge that the attestation fulfils, signed by the same key"
    ),
    thumbnails: int = typer.Option(
        0,
        help="Show so many small pictures of what is listed in report.html, where that is allowed; whoever gets the page sees them",
    ),
    json_: bool = typer.Option(False, "--json", help="Print the report as JSON"),
) -> None:
    """Write a dataset without what people refused, a list of what was taken out, and a report; or the list and the report alone."""
    from byleave.apply.modes import Mode
    from byleave.apply.places import place_of
    from byleave.apply.report import report_object
    from byleave.apply.run import ApplyRequest, apply_ruleset
    from byleave.apply.shard import Unchecked
    from byleave.cli.attest import Signing, tell_signed
    from byleave.cli.engines import engine_of
    from byleave.consent import Regime, Standard, Use
    from byleave.release.age import AgeLimit, check_age
    from byleave.settings import Settings

    cut_off = past_moment(as_of, "--as-of", now()) if as_of is not None else None
    request = ApplyRequest(
        ruleset=tuple(ruleset),
        input=input_,
        output=place_of(output),
        regime=word_of(Regime, regime, "--regime"),
        uses=tuple(word_of(Use, one, "--use") for one in use),
        home=Settings.from_process().home,
        coverage=tuple(coverage),
        unchecked=word_of(Unchecked, unchecked, "--unchecked") if unchecked is not None else None,
        with_pending=with_pending,
        standard=Standard.parse(min_evidence, cut_off),
        max_age=AgeLimit.parse(max_age, grace) if max_age is not None else None,
        mode=word_of(Mode, mode, "--mode"),
        workers=workers,
        since=since,
        fingerprints=fingerprints,
        thumbnails=thumbnails,
    )
    signing = Signing.begun(sign_with, ruleset[0], log, output, dataset, pledge) if sign_with else None
    with engine_of(engine, workers, ray_address) as chosen, Shown() as shown:
        report = apply_ruleset(request, now(), shown.step, chosen)
    if request.max_age is not None:
        for registry in report.registries:
            if warning := check_age(registry.release, request.max_age, now()):
                say(warning)
    said = signing.signed() if signing else None
    if json_:
        print_json(report_object(report))
        return
    _print(report, output)
    if said:
        tell_signed(said, Path(output))


def _print(report: Report, output: str) -> None:
    from byleave.consent import Regime
    from byleave.datasets import OWN_FOLDER

    lists = " and ".join(_list_words(registry.release, report) for registry in report.registries)
    say(f"{lists}: kept {report.kept:,} of {report.rows:,} rows")
    for regime, kept, removed in report.regimes():
        chosen = "  <- written" if regime is report.run.regime else ""
        say(f"  {regime.value:<9} keeps {kept:>12,}  removes {removed:>12,}{chosen}")
    if report.run.regime is Regime.RESEARCH:
        say(
            f"nothing was removed; {report.run.removed_file} lists {report.listed:,} rows opt_out would remove"
        )
    _print_standard(report)
    totals = report.tally.totals
    if totals["unreadable"]:
        say(f"{totals['unreadable']:,} rows have no link that can be read")
    if totals["unchecked"]:
        did = f", and --unchecked {report.run.unchecked} was given" if report.run.unchecked else ""
        say(f"{totals['unchecked']:,} rows could not be checked against all claims{did}")
    if report.left_out:
        say(f"{len(report.left_out):,} files of the input are of no known form and were not copied")
    say(f"read {output.rstrip('/')}/{OWN_FOLDER}/report.html")


def _list_words(release: Release, report: Report) -> str:
    several = len(report.registries) > 1
    return f"release {release.number}" + (f" of {release.origin}" if several else "")


def _print_standard(report: Report) -> None:
    from byleave.apply.setting_aside import KEPT_ASIDE, REMOVED_ASIDE
    from byleave.consent import RULES_ALONE

    if report.run.standard != RULES_ALONE:
        totals = report.tally.totals
        say(
            f"set aside beyond the rules: {totals[KEPT_ASIDE]:,} rows stay because of it, {totals[REMOVED_ASIDE]:,} go"
        )


def word_of(words: type[Word], text: str, option: str) -> Word:
    """Return the member of an enumeration that an option names."""
    known = [str(word) for word in words]
    if text not in known:
        raise InputError(f"{option} cannot be {text!r}", remedy="use one of: " + ", ".join(known))
    return words(text)
