"""Apply the registry to a dataset: from a synced folder and Parquet files to the rows that stay, with a list of the others and a report.

Opens neither database. Output appears at once by a rename or not at all; a killed run goes on with the shards it finished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from byleave import __version__
from byleave.apply.binding import NewBound, bound_run, refuse_place
from byleave.apply.card import card_of
from byleave.apply.coverages import CoverageFile, asking, check_dataset, open_coverages
from byleave.apply.covering import coverage_tables
from byleave.apply.desks import Staging
from byleave.apply.engine import Engine
from byleave.apply.forms.applying import first_unchecked_of
from byleave.apply.inputs import InputFile
from byleave.apply.judging import Terms
from byleave.apply.local_engine import LocalEngine
from byleave.apply.page import html_page
from byleave.apply.places import open_output, refuse_output
from byleave.apply.reading import Asked, Reading, opened_input
from byleave.apply.registries import Registries, Registry, open_registries, open_registry
from byleave.apply.report import (
    CoverageFacts,
    FingerprintFacts,
    RegistryFacts,
    Report,
    RunFacts,
    report_json,
)
from byleave.apply.request import ApplyRequest
from byleave.apply.ruleset import Ruleset
from byleave.apply.shard import Plan, first_unchecked
from byleave.apply.sidecars.seeing import AnySidecars, Fitting, check_versions, open_sidecars
from byleave.apply.sidecars.stored import open_stored
from byleave.apply.sources import Input
from byleave.apply.speaking import SpokenOf
from byleave.apply.spreading import Spread, join_lists, spread
from byleave.apply.thumbnails import Thumbnails, thumbnails_of
from byleave.apply.viewer import link_columns
from byleave.apply.workers import PlanFacts, not_said
from byleave.release import Coverage, Release
from byleave.settings import Limits
from byleave.storage.objects import ObjectFolder

FORMAT = "byleave/apply/1"

Progress = Callable[[str, int, int], None]
"""Told of each step: its name (``check`` or ``apply``), rows done and rows in all."""


def apply_ruleset(
    request: ApplyRequest, now: datetime, progress: Progress | None = None, engine: Engine | None = None
) -> Report:
    """Apply a release to a dataset and return the report that was written beside it.

    ``engine`` spreads the work; left out, ``request.workers`` processes of this machine do it. What is written does not depend on it.

    Raises
    ------
    NotFoundError, FormatError, InputError
        If the input cannot be found or read, or rows could not be checked and nobody said what becomes of them.
    VerificationError
        If the registry or the coverage does not verify, belongs to something else, or is too old. No output is written.
    ConflictError
        If the output is there already or lies inside the input, or what is to be bound inside one of them, or the input changed while it was
        read.
    """
    refuse_output(request.output, request.input)
    if request.bind is not None:
        refuse_place(request.bind, *request.places)
    registries = open_registries(request.rulesets)
    if request.max_age is not None:
        registries.check_age(request.max_age, now)
    engine, show = engine or LocalEngine(request.workers), progress or _silent
    since = None if request.since is None else (request.since, registries.release)
    asked = Asked(
        request.input, request.home, since, bool(request.coverages), request.fingerprints is not None
    )
    with opened_input(asked, engine, partial(show, "check")) as reading:
        return _apply(request, now, registries, reading, engine, show)


def _apply(
    request: ApplyRequest,
    now: datetime,
    registries: Registries,
    reading: Reading,
    engine: Engine,
    show: Progress,
) -> Report:
    source = reading.source
    coverages = open_coverages(request.coverages, registries)
    check_dataset(coverages.values(), source)
    sidecars = _open_sidecars(request, registries, reading, engine)
    digest = _request_digest(request, registries, coverages, reading, sidecars)
    with open_output(request.output, digest, now) as staging:
        facts = replace(_plan_facts(request, registries, coverages, staging.at), sidecars=sidecars)
        plan = facts.open_with(registries.ruleset, coverages)
        if request.unchecked is None and reading.rows is not None:
            _ask_about_unchecked(plan, source, reading.rows, show)
        outcome = spread(engine, facts, plan, reading, staging, partial(show, "apply"))
        reading.refuse_changed()
        join_lists(staging, outcome.shards, staging.own / request.list_name)
        report = Report(
            run=_run_facts(request, plan, staging.at),
            registries=tuple(_registry_facts(registries, coverages, plan)),
            dataset=source.dataset,
            dataset_version=source.version,
            left_out=source.left_out,
            files=outcome.files,
            tally=outcome.tally,
            fingerprints=FingerprintFacts.of(sidecars, request.mode) if sidecars is not None else None,
            link_columns=link_columns(source),
        )
        (staging.own / "report.json").write_bytes(report_json(report))
        shown = _thumbnails(request, reading.source, registries, staging.own / request.list_name)
        (staging.own / "report.html").write_text(html_page(report, shown), encoding="utf-8")
        card = card_of((file.name for file in outcome.written), source.configs)
        with _bound(request, registries, len(coverages), source, outcome, staging) as bound:
            staging.publish(outcome.shards, outcome.written, card)
            if bound is not None:
                bound.publish()
    return report


def _registry_facts(
    registries: Registries, coverages: Mapping[int, Coverage], plan: Plan
) -> Iterator[RegistryFacts]:
    for place, one in enumerate(registries.members):
        covered = _coverage_facts(coverages.get(place), one, plan)
        yield RegistryFacts(one.release, tuple(map(str, one.keys)), covered)


def _bound(
    request: ApplyRequest,
    registries: Registries,
    coverages: int,
    source: Input,
    outcome: Spread,
    staging: Staging,
) -> AbstractContextManager[NewBound | None]:
    if request.bind is None:
        return nullcontext()
    by_coverage = coverages == len(registries.members)
    spoken = SpokenOf.of(registries.ruleset, outcome.tally.totals, by_coverage=by_coverage)
    listed = staging.own / request.list_name
    return bound_run(staging, source.parts, outcome.kept, listed, request.bind, registries.ruleset, spoken)


def _thumbnails(
    request: ApplyRequest, source: Input, registries: Registries, listed: Path
) -> Thumbnails | None:
    if not request.thumbnails:
        return None
    releases = [one.release for one in registries.members]
    return thumbnails_of(listed, source.parts, releases, request.thumbnails, Limits())


def _run_facts(request: ApplyRequest, plan: Plan, at: datetime) -> RunFacts:
    return RunFacts(
        at=at,
        byleave=__version__,
        regime=request.regime,
        uses=request.uses,
        unchecked=request.unchecked,
        with_pending=request.with_pending,
        standard=request.standard,
        needs=plan.needs,
        removed_file=request.list_name,
        mode=request.mode,
        since=request.since,
    )


def open_ruleset(folder: Path) -> tuple[Release, Ruleset]:
    """Open the release in force in a synced folder, verified again, with the ruleset compiled from it."""
    registry = open_registry(folder)
    return registry.release, registry.ruleset


def _open_sidecars(
    request: ApplyRequest, registries: Registries, reading: Reading, engine: Engine
) -> AnySidecars | None:
    if request.fingerprints is None:
        return None
    check_versions([one.release for one in registries.members])
    rows = {file.name: file.rows for file in reading.files}
    fitting, parts = Fitting(rows, reading.digests), reading.source.parts
    if isinstance(request.fingerprints, ObjectFolder):
        return open_stored(request.fingerprints, parts, fitting, engine)
    return open_sidecars(request.fingerprints, parts, fitting)


def _request_digest(
    request: ApplyRequest,
    registries: Registries,
    coverages: Mapping[int, Coverage],
    reading: Reading,
    sidecars: AnySidecars | None,
) -> str:
    content = {
        "format": FORMAT,
        "byleave": __version__,
        "releases": [one.release.manifest_digest.hex() for one in registries.members],
        "coverages": [coverage.signed.sha256.hex() for _, coverage in sorted(coverages.items())],
        "fingerprints": sidecars.sha256 if sidecars else None,
        "regime": request.regime.value,
        "uses": [use.value for use in request.uses],
        "unchecked": request.unchecked,
        "with_pending": request.with_pending,
        "minimum_evidence": request.standard.minimum,
        "as_of": request.standard.as_of.isoformat() if request.standard.as_of else None,
        "mode": request.mode.value,
        "since": request.since,
        "bind": request.bind is not None,
        "files": reading.identity(),
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
        with plan.with_what_is_beside(part.name) as here:
            if isinstance(part, InputFile):
                _, unchecked = first_unchecked(here, part, step)
            else:
                unchecked = first_unchecked_of(here, part, step)
        if unchecked:
            raise not_said(unchecked, seen, plan)


def _plan_facts(
    request: ApplyRequest, registries: Registries, coverages: Mapping[int, Coverage], at: datetime
) -> PlanFacts:
    terms = Terms(request.uses, at, request.with_pending, request.standard)
    return PlanFacts(
        ruleset=registries.path,
        number=registries.ruleset.number,
        manifest_digest=registries.ruleset.manifest_digest,
        coverages=tuple(
            CoverageFile(coverage.path, registries.members[place].keys, place)
            for place, coverage in sorted(coverages.items())
        ),
        asking=asking(registries, terms) if coverages else (),
        terms=terms,
        regime=request.regime,
        unchecked=request.unchecked,
        mode=request.mode,
        since=request.since is not None,
        binds=request.bind is not None,
    )


def _coverage_facts(coverage: Coverage | None, registry: Registry, plan: Plan) -> CoverageFacts | None:
    if coverage is None:
        return None
    tables = plan.coverage
    if tables is None or plan.ruleset.is_union:
        tables = coverage_tables(coverage, registry.ruleset)
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
