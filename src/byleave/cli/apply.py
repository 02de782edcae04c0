"""`byleave apply`: take out of a dataset what people refused, and say why."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byleave.cli.moments import past_moment
from byleave.cli.options import takes
from byleave.cli.output import counted, now, print_json, say
from byleave.cli.progress import Shown
from byleave.cli.words import word_of

if TYPE_CHECKING:
    from byleave.apply.report import Report
    from byleave.apply.request import ApplyRequest
    from byleave.cli.attest import Signing
    from byleave.release import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """What can be said on the command line, as the help of each option has it."""

    ruleset: Annotated[
        list[Path],
        typer.Option(
            help="Folder that `byleave sync` keeps; may be repeated: of several registries any refusal wins"
        ),
    ]
    input: Annotated[
        str,
        typer.Option(
            help="File or folder in any form that is known, s3://bucket/folder, or name of a dataset"
        ),
    ]
    output: Annotated[
        str, typer.Option(help="Folder or s3://bucket/folder to write; it must not be there yet")
    ]
    regime: Annotated[
        str, typer.Option(help="Where nobody answered: opt_out keeps, opt_in drops, research reports")
    ]
    use: Annotated[
        list[str], typer.Option(help="What the dataset is for, such as train_gen; may be repeated")
    ]
    mode: Annotated[
        str,
        typer.Option(
            help="mask lists positions, annotate adds two columns, filter writes the rows that stay"
        ),
    ] = "filter"
    engine: Annotated[
        str, typer.Option(help="Where the work is done: local or ray; the output is the same")
    ] = "local"
    workers: Annotated[int, typer.Option(min=1, help="Processes of this machine that share the files")] = 1
    ray_address: Annotated[
        str | None,
        typer.Option(
            envvar="RAY_ADDRESS", help="Host and port of the Ray cluster; left out, one on this machine"
        ),
    ] = None
    coverage: Annotated[
        list[Path],
        typer.Option(help="File made by `byleave copies cover`; may be repeated, once for each registry"),
    ] = field(default_factory=list)
    fingerprints: Annotated[
        str | None,
        typer.Option(
            help="Folder or s3://bucket/folder that `byleave fingerprint` wrote, or a dataset that has its fingerprints"
        ),
    ] = None
    unchecked: Annotated[str | None, typer.Option(help="Rows that could not be checked: keep or drop")] = None
    with_pending: Annotated[
        bool, typer.Option("--with-pending", help="Act on refusals not confirmed yet, too")
    ] = False
    min_evidence: Annotated[
        str | None,
        typer.Option(
            help="Evidence from which answers count, such as deny=E1,allow=E3; a yes never from less than E2"
        ),
    ] = None
    as_of: Annotated[
        str | None, typer.Option(help="Cut-off, such as 2026-06-01: what began later does not count")
    ] = None
    since: Annotated[
        int | None,
        typer.Option(help="The input is what a run under this list left: copy files that lose nothing more"),
    ] = None
    max_age: Annotated[str | None, typer.Option(help="Refuse a list older than this, such as 3d")] = None
    grace: Annotated[
        str | None, typer.Option(help="Use it that much longer, with a warning, such as 12h")
    ] = None
    sign_with: Annotated[
        Path | None,
        typer.Option(help="File of your key, see `byleave keys make`: an attestation is put into the output"),
    ] = None
    dataset: Annotated[
        str | None, typer.Option(help="What the attestation calls the dataset; left out: as in the report")
    ] = None
    log: Annotated[
        list[str],
        typer.Option(
            help="Folder or web address of a registry's log, for the attestation; left out: beside its lists. Of several registries name each"
        ),
    ] = field(default_factory=list)
    pledge: Annotated[
        Path | None,
        typer.Option(help="File of the pledge that the attestation fulfils, signed by the same key"),
    ] = None
    bind: Annotated[
        Path | None,
        typer.Option(
            help="New folder for the bound entries, as `byleave attest bind` makes it, at a fraction of the cost"
        ),
    ] = None
    thumbnails: Annotated[
        int,
        typer.Option(
            help="Show so many small pictures of what is listed in report.html, where that is allowed; whoever gets the page sees them"
        ),
    ] = 0
    json_: Annotated[bool, typer.Option("--json", help="Print the report as JSON")] = False

    def request(self) -> ApplyRequest:
        """Return what is asked of a run; raises InputError where an option cannot be read."""
        from byleave.apply.modes import Mode
        from byleave.apply.places import place_of
        from byleave.apply.request import ApplyRequest
        from byleave.apply.shard import Unchecked
        from byleave.consent import Regime, Standard, Use
        from byleave.release.age import AgeLimit
        from byleave.settings import Settings

        cut_off = past_moment(self.as_of, "--as-of", now()) if self.as_of is not None else None
        return ApplyRequest(
            ruleset=tuple(self.ruleset),
            input=self.input,
            output=place_of(self.output),
            regime=word_of(Regime, self.regime, "--regime"),
            uses=tuple(word_of(Use, one, "--use") for one in self.use),
            home=Settings.from_process().home,
            coverage=tuple(self.coverage),
            unchecked=word_of(Unchecked, self.unchecked, "--unchecked")
            if self.unchecked is not None
            else None,
            with_pending=self.with_pending,
            standard=Standard.parse(self.min_evidence, cut_off),
            max_age=AgeLimit.parse(self.max_age, self.grace) if self.max_age is not None else None,
            mode=word_of(Mode, self.mode, "--mode"),
            workers=self.workers,
            since=self.since,
            fingerprints=place_of(self.fingerprints) if self.fingerprints is not None else None,
            thumbnails=self.thumbnails,
            bind=self.bind,
        )

    def signing(self, request: ApplyRequest) -> Signing | None:
        """Return the signature that is asked for on what ``request`` does, with the key read and the log found; ``None`` without one."""
        from byleave.cli.attest import Signing
        from byleave.errors import InputError
        from byleave.storage.objects import is_address

        if self.sign_with is None:
            if self.pledge is not None or self.log:
                raise InputError(
                    "a pledge and a log are for an attestation, and none is to be signed",
                    remedy="pass --sign-with FILE, or leave --pledge and --log out",
                )
            return None
        if self.dataset is None and (is_address(self.input) or Path(self.input).exists()):
            raise InputError(
                "what is the dataset called? An attestation names it, and a path is no name",
                remedy="pass --dataset NAME",
            )
        return Signing.begun(request, self.sign_with, self.log, self.dataset, self.pledge)


@takes(ApplyOptions)
def apply(options: ApplyOptions) -> None:
    """Write a dataset without what people refused, a list of what was taken out, and a report; or the list and the report alone."""
    from byleave.apply.report import report_object
    from byleave.apply.run import apply_ruleset
    from byleave.cli.attest import tell_signed
    from byleave.cli.engines import engine_of
    from byleave.processes import keep_freed_memory
    from byleave.release.age import check_age

    keep_freed_memory()
    request = options.request()
    signing = options.signing(request)
    with (
        Shown() as shown,
        engine_of(options.engine, options.workers, options.ray_address, shown.line) as chosen,
    ):
        report = apply_ruleset(request, now(), shown.step, chosen)
    if request.max_age is not None:
        for registry in report.registries:
            if warning := check_age(registry.release, request.max_age, now()):
                say(warning)
    said = signing.signed() if signing else None
    if options.json_:
        print_json(report_object(report))
        return
    _print(report, options.output)
    if said:
        tell_signed(said, Path(options.output))


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
        say(f"{counted(totals['unreadable'], 'row')} without a link that can be read")
    if totals["unchecked"]:
        did = f", and --unchecked {report.run.unchecked} was given" if report.run.unchecked else ""
        say(f"{counted(totals['unchecked'], 'row')} could not be checked against all claims{did}")
    if report.left_out:
        say(f"{counted(len(report.left_out), 'file')} of the input not copied, being of no known form")
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
