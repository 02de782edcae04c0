"""Apply the registry to a dataset: from a synced folder and Parquet files to the rows that stay, with a list of the others and a report.

Opens neither database. Output appears at once by a rename or not at all; a killed run goes on with the shards it finished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from byleave import __version__
from byleave.apply.covering import CoverageTables, coverage_tables
from byleave.apply.forms.applying import first_unchecked_of
from byleave.apply.inputs import InputFile, open_parquet
from byleave.apply.judging import Terms
from byleave.apply.list_file import ListFile
from byleave.apply.modes import Mode
from byleave.apply.page import html_page
from byleave.apply.report import CoverageFacts, FileFacts, Report, RunFacts, report_json
from byleave.apply.ruleset import Ruleset, load_ruleset, ruleset_path
from byleave.apply.shard import Plan, Unchecked, first_unchecked
from byleave.apply.since import check_since
from byleave.apply.sources import Input, find_input
from byleave.apply.staging import Staging, file_digest, open_staging, refuse_existing
from byleave.apply.tally import Tally
from byleave.apply.workers import PlanFacts, Task, run_task, run_tasks
from byleave.consent import Regime, Use
from byleave.errors import ConflictError, InputError, VerificationError
from byleave.fingerprints import PICTURE_VERSION
from byleave.log import VerifierKey
from byleave.release import Coverage, Release, open_coverage, open_synced
from byleave.release.age import AgeLimit, check_age
from byleave.release.sync import read_current

FORMAT = "byleave/apply/1"
REMOVED = "removed.parquet"
WOULD_BE_REMOVED = "would_be_removed.parquet"
MASK = "mask.parquet"
MOST_WORKERS = 256

Progress = Callable[[str, int, int], None]
"""Told of each step: its name (``check`` or ``apply``), rows done and rows in all."""


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """What to apply to what, and how. Regime and uses are written choices: neither has a default.

    ruleset
        A synced folder, see ``byleave sync``.
    input
        Path of a file or a folder in any form that is known, or the name of a dataset under ``home``.
    unchecked
        What becomes of rows that could not be checked. Asked for only when there are some.
    with_pending
        Whether refusals that are not confirmed yet act as well.
    max_age
        How old the list in force may be; ``None`` for any age.
    mode
        Whether positions are listed, rows are annotated, or rows are taken out.
    workers
        How many processes share the files. What is written does not depend on it.
    since
        The list under which an earlier run wrote the input. Files that lose no further row are then copied as they are.
    """

    ruleset: Path
    input: str
    output: Path
    regime: Regime
    uses: tuple[Use, ...]
    home: Path
    coverage: Path | None = None
    unchecked: Unchecked | None = None
    with_pending: bool = False
    max_age: AgeLimit | None = None
    mode: Mode = Mode.FILTER
    workers: int = 1
    since: int | None = None

    def __post_init__(self) -> None:
        if not self.uses or len(set(self.uses)) != len(self.uses):
            raise InputError(
                "what the dataset is for must be said: one or more different uses",
                remedy="pass --use with one of: " + ", ".join(use.value for use in Use),
            )
        if not 1 <= self.workers <= MOST_WORKERS:
            raise InputError(
                f"{self.workers} processes cannot work on a dataset", remedy=f"give 1 to {MOST_WORKERS}"
            )

    @property
    def list_name(self) -> str:
        """The file beside the output that lists rows with causes, in the folder of our own."""
        if self.regime is Regime.RESEARCH:
            return WOULD_BE_REMOVED
        return REMOVED if self.mode is Mode.FILTER else MASK


def apply_ruleset(request: ApplyRequest, now: datetime, progress: Progress | None = None) -> Report:
    """Apply a release to a dataset and return the report that was written beside it.

    Raises
    ------
    NotFoundError, FormatError, InputError
        If the input cannot be found or read, or rows could not be checked and nobody said what becomes of them.
    VerificationError
        If the registry or the coverage does not verify, belongs to something else, or is too old. No output is written.
    ConflictError
        If the output is there already, or the input changed while it was read.
    """
    refuse_existing(request.output)
    release, ruleset = open_ruleset(request.ruleset)
    if request.max_age is not None:
        check_age(release, request.max_age, now)
    source = _find_source(request, release)
    coverage = _open_coverage(request, release, source)
    tables = coverage_tables(coverage, ruleset) if coverage else None
    stamps = _stamps(source)
    files = tuple(_file_facts(source))
    show = progress or _silent
    with open_staging(request.output, _request_digest(request, release, coverage, files), now) as staging:
        terms = Terms(request.uses, staging.at, request.with_pending)
        plan = Plan(ruleset, tables, terms, request.regime, request.unchecked, request.mode)
        total = sum(file.rows for file in files)
        if request.unchecked is None:
            _ask_about_unchecked(plan, source, total, show)
        tallies = _apply_to_files(request, plan, source, staging, partial(show, "apply"), total)
        _refuse_changed(source, stamps)
        staging.gather()
        _join_removed(staging, len(tallies), staging.own / request.list_name)
        report = Report(
            run=RunFacts(
                at=staging.at,
                byleave=__version__,
                regime=request.regime,
                uses=request.uses,
                unchecked=request.unchecked,
                with_pending=request.with_pending,
                needs=plan.needs,
                removed_file=request.list_name,
                mode=request.mode,
                since=request.since,
            ),
            release=release,
            keys=tuple(str(key) for key in _trusted_keys(request.ruleset)),
            coverage=_coverage_facts(coverage, tables),
            dataset=source.dataset,
            dataset_version=source.version,
            left_out=source.left_out,
            files=files,
            tally=Tally.total(tallies),
        )
        (staging.own / "report.json").write_bytes(report_json(report))
        (staging.own / "report.html").write_text(html_page(report), encoding="utf-8")
        staging.publish(request.output)
    return report


def _find_source(request: ApplyRequest, release: Release) -> Input:
    if request.since is not None:
        check_since(Path(request.input), request.since, release)
    return find_input(request.input, request.home, with_version=request.coverage is not None)


def open_ruleset(folder: Path) -> tuple[Release, Ruleset]:
    """Open the release in force in a synced folder, verified again, with the ruleset compiled from it."""
    release = open_synced(folder)
    path = ruleset_path(folder, release.number)
    return release, load_ruleset(path, release.number, release.manifest_digest)


def _trusted_keys(folder: Path) -> tuple[VerifierKey, ...]:
    current = read_current(folder)
    return current.keys if current else ()


def _open_coverage(request: ApplyRequest, release: Release, source: Input) -> Coverage | None:
    if request.coverage is None:
        return None
    coverage = open_coverage(request.coverage, _trusted_keys(request.ruleset))
    covers = coverage.covers
    remedy = "make the coverage again with `byleave copies cover`, for this dataset and this release"
    if (covers.release_number, covers.release_manifest) != (release.number, release.manifest_digest):
        raise VerificationError(
            f"the coverage is for release {covers.release_number}, the registry here is at {release.number}",
            remedy=remedy,
        )
    if covers.fingerprint_version not in {release.fingerprint_version, PICTURE_VERSION}:
        raise VerificationError("the coverage compared fingerprints of another version", remedy=remedy)
    if source.dataset is not None and covers.dataset != source.dataset:
        raise VerificationError(f"the coverage is for the dataset {covers.dataset!r}", remedy=remedy)
    if covers.dataset_version != source.version:
        raise VerificationError(
            f"the coverage is for another version of {covers.dataset!r} than the input",
            remedy=f"apply to the dataset by its name, {covers.dataset!r}, or make the coverage again",
        )
    return coverage


def _file_facts(source: Input) -> list[FileFacts]:
    facts = []
    for part in source.parts:
        if isinstance(part, InputFile):
            files: tuple[InputFile, ...] = (part,)
            named = part
            with open_parquet(part.path) as opened:
                rows = int(opened.metadata.num_rows)
        else:
            files, rows = part.files, part.count()
            named = next((file for file in files if file.name == part.name), files[0])
        facts += [
            FileFacts(
                file.name, file.path.stat().st_size, rows if file is named else 0, file_digest(file.path)
            )
            for file in files
        ]
    return facts


def _request_digest(
    request: ApplyRequest, release: Release, coverage: Coverage | None, files: tuple[FileFacts, ...]
) -> str:
    content = {
        "format": FORMAT,
        "byleave": __version__,
        "release": release.manifest_digest.hex(),
        "coverage": coverage.signed.sha256.hex() if coverage else None,
        "regime": request.regime.value,
        "uses": [use.value for use in request.uses],
        "unchecked": request.unchecked,
        "with_pending": request.with_pending,
        "mode": request.mode.value,
        "since": request.since,
        "files": [[file.name, file.sha256] for file in files],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _ask_about_unchecked(plan: Plan, source: Input, total: int, show: Progress) -> None:
    needs = plan.needs
    if not (needs.pixels or needs.digest or needs.other):
        return
    seen = 0

    def step(rows: int) -> None:
        nonlocal seen
        seen += rows
        show("check", seen, total)

    for part in source.parts:
        if isinstance(part, InputFile):
            _, unchecked = first_unchecked(plan, part, step)
        else:
            unchecked = first_unchecked_of(plan, part, step)
        if unchecked:
            raise InputError(
                f"{unchecked:,} of the first {seen:,} rows could not be checked against all claims: "
                "the registry holds claims on pictures or files, and nothing says what stands behind these links",
                remedy="pass --coverage FILE, made with `byleave copies cover`, and say what becomes of rows "
                "that stay unchecked with --unchecked keep or --unchecked drop",
            )


def _apply_to_files(
    request: ApplyRequest,
    plan: Plan,
    source: Input,
    staging: Staging,
    show: Callable[[int, int], None],
    total: int,
) -> list[Tally]:
    done = 0

    def step(rows: int) -> None:
        nonlocal done
        done += rows
        show(done, total)

    tasks = [Task(place, part) for place, part in enumerate(source.parts)]
    workers = min(request.workers, len(tasks))
    if workers == 1:
        return [run_task(plan, staging, task, step, since=request.since is not None) for task in tasks]
    return list(run_tasks(_plan_facts(request, plan), staging, tasks, workers, step))


def _plan_facts(request: ApplyRequest, plan: Plan) -> PlanFacts:
    return PlanFacts(
        ruleset=ruleset_path(request.ruleset, plan.ruleset.number),
        number=plan.ruleset.number,
        manifest_digest=plan.ruleset.manifest_digest,
        coverage=request.coverage,
        keys=_trusted_keys(request.ruleset),
        terms=plan.verdicts.terms,
        regime=plan.regime,
        unchecked=plan.unchecked,
        mode=plan.mode,
        since=request.since is not None,
    )


def _stamps(source: Input) -> list[tuple[int, int]]:
    facts = [file.path.stat() for file in source.every_file]
    return [(fact.st_size, fact.st_mtime_ns) for fact in facts]


def _refuse_changed(source: Input, stamps: list[tuple[int, int]]) -> None:
    for file, before, after in zip(source.every_file, stamps, _stamps(source), strict=True):
        if before != after:
            raise ConflictError(f"{file.path} changed while it was read", remedy="run the same command again")


def _join_removed(staging: Staging, shards: int, path: Path) -> None:
    with ListFile(path) as joined:
        for place in range(shards):
            with pq.ParquetFile(staging.part(place)) as part:
                for batch in part.iter_batches(use_threads=False):
                    joined.add(batch)


def _coverage_facts(coverage: Coverage | None, tables: CoverageTables | None) -> CoverageFacts | None:
    if coverage is None or tables is None:
        return None
    return CoverageFacts(
        dataset=coverage.covers.dataset,
        dataset_version=coverage.covers.dataset_version,
        manifest_sha256=coverage.signed.sha256.hex(),
        fingerprint_version=coverage.covers.fingerprint_version,
        checked=len(tables.checked.keys),
        same_work=len(tables.places),
        in_review=len(tables.in_review),
    )


def _silent(step: str, done: int, total: int) -> None:
    """Show nothing."""
