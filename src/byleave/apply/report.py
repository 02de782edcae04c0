"""The report of one run: the facts, and ``report.json`` made of them. ``docs/reference/report.md`` describes every field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self

from byleave.apply.checks import CHECKED_BY, Needs
from byleave.apply.modes import Mode
from byleave.apply.naming import ClaimName
from byleave.apply.setting_aside import KEPT_ASIDE, REMOVED_ASIDE
from byleave.apply.shard import Unchecked
from byleave.apply.sidecars.file import SIDECAR_FOLDER
from byleave.apply.sidecars.seeing import AnySidecars
from byleave.apply.tally import Tally, most_first
from byleave.apply.viewer import viewer_block
from byleave.consent import RULES_ALONE, Evidence, Preference, Regime, Standard, Use
from byleave.log import JSON
from byleave.release import Release

FORMAT = "byleave/report/1"
MOST_LISTED = 50
"""Hosts and claims listed in the report, most affected first."""

LIMITS = (
    "This list says what people had said when the release was published. Whoever speaks later is heard by the next run only.",
    "A row that stays is not thereby permitted: under opt_out it means that nobody known to this registry refused.",
    "Copies are found by comparing pictures. Strongly cropped or redrawn copies are mostly missed, and a row without pixels "
    "cannot be compared at all.",
    "Rows are decided by their link, by the digest of their file where the input states it, by the coverage, and by fingerprints where some "
    "stand beside the input. Pictures were not fetched.",
    "Models trained earlier are not changed by this.",
)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What was asked for, and the moment that counts."""

    at: datetime
    byleave: str
    regime: Regime
    uses: tuple[Use, ...]
    unchecked: Unchecked | None
    with_pending: bool
    needs: Needs
    removed_file: str
    mode: Mode
    since: int | None = None
    standard: Standard = RULES_ALONE


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One input file: name, size in bytes, rows, SHA-256 (hex)."""

    name: str
    size: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class CoverageFacts:
    """What the coverage is for and how many items it speaks of."""

    dataset: str
    dataset_version: str
    manifest_sha256: str
    fingerprint_version: str
    checked: int
    same_work: int
    in_review: int


@dataclass(frozen=True, slots=True)
class RegistryFacts:
    """One registry that the run obeyed: its release, the keys trusted for it, and its coverage of the dataset."""

    release: Release
    keys: tuple[str, ...]
    coverage: CoverageFacts | None


@dataclass(frozen=True, slots=True)
class FingerprintFacts:
    """The fingerprints that stood beside the input.

    shards, rows, fingerprinted
        Parts of the input that have some, rows of these, and those of them that have one.
    sha256
        Over the digests of all files of fingerprints, each with the name of its shard.
    written
        Where those of the output stand in it; ``None`` if no rows were written.
    """

    version: str
    shards: int
    rows: int
    fingerprinted: int
    sha256: str
    written: str | None

    @classmethod
    def of(cls, sidecars: AnySidecars, mode: Mode) -> Self:
        """Add up what they say of themselves."""
        facts = sidecars.facts
        return cls(
            version=facts[0].fingerprint_version,
            shards=len(facts),
            rows=sum(one.rows for one in facts),
            fingerprinted=sum(one.fingerprinted for one in facts),
            sha256=sidecars.sha256,
            written=None if mode is Mode.MASK else SIDECAR_FOLDER,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a run found out. The registries are sorted by their origins."""

    run: RunFacts
    registries: tuple[RegistryFacts, ...]
    dataset: str | None
    dataset_version: str | None
    left_out: tuple[str, ...]
    files: tuple[FileFacts, ...]
    tally: Tally
    fingerprints: FingerprintFacts | None = None
    link_columns: tuple[str, ...] = ()

    @property
    def release(self) -> Release:
        """The release of the first registry, which mostly is the only one."""
        return self.registries[0].release

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys trusted for the first registry."""
        return self.registries[0].keys

    @property
    def coverage(self) -> CoverageFacts | None:
        """The coverage of the first registry."""
        return self.registries[0].coverage

    @property
    def rows(self) -> int:
        """Rows of the input."""
        return self.tally.totals["rows"]

    @property
    def kept(self) -> int:
        """Rows that stay under the regime that was asked for, whether or not the mode takes the others out."""
        return self.tally.kept[self.run.regime.value]

    @property
    def removed(self) -> int:
        """Rows that do not stay: a filter takes them out, a mask or an annotation names them."""
        return self.rows - self.kept

    @property
    def listed(self) -> int:
        """Rows in the list beside the output: those removed, or in research those that ``opt_out`` would remove."""
        regime = Regime.OPT_OUT if self.run.regime is Regime.RESEARCH else self.run.regime
        return self.rows - self.tally.kept[regime.value]

    def regimes(self) -> list[tuple[Regime, int, int]]:
        """Return, for each regime, how many rows it keeps and how many it removes."""
        return [(r, self.tally.kept[r.value], self.rows - self.tally.kept[r.value]) for r in Regime]

    def answers(self) -> list[tuple[Use, dict[Preference, int]]]:
        """Return, for each requested use, how many rows have which answer."""
        counts = self.tally.answers
        return [(u, {p: counts[f"{u.value}|{p.word}"] for p in Preference}) for u in self.run.uses]

    def causes(self) -> list[dict[str, JSON]]:
        """Return the causes by kind, use, preference and method, most frequent first."""
        return [
            dict(
                zip(
                    ("kind", "use", "preference", "method"),
                    (part or None for part in key.split("|")),
                    strict=True,
                )
            )
            | {"rows": count}
            for key, count in most_first(self.tally.causes)
        ]

    def claims(self, most: int) -> list[tuple[ClaimName, int]]:
        """Return the claims that cover most listed rows, with the registry of each: at most ``most``, by falling count."""
        named = ((ClaimName.of_key(key), count) for key, count in most_first(self.tally.claims, most))
        return [(ClaimName(name.claim, name.origin or self.release.origin), count) for name, count in named]

    def distances(self) -> list[tuple[str, int, int]]:
        """Return method, distance and rows of the copies that were taken out."""
        keys = ((*key.partition("|"), count) for key, count in self.tally.distances.items())
        return sorted((method, int(distance), count) for method, _, distance, count in keys)


def _input_object(report: Report) -> dict[str, JSON]:
    return {
        "dataset": report.dataset,
        "dataset_version": report.dataset_version,
        "files": [asdict(file) for file in report.files],
        "left_out": list(report.left_out),
    }


def _rows_object(report: Report) -> dict[str, JSON]:
    return {
        "input": report.rows,
        "kept": report.kept,
        "removed": report.removed,
        "listed": report.listed,
        "listed_in": report.run.removed_file,
    }


def report_object(report: Report) -> dict[str, JSON]:
    """Return ``report.json`` as one object."""
    tally, run = report.tally, report.run
    return {
        "format": FORMAT,
        "at": run.at.isoformat(),
        "byleave": run.byleave,
        "request": _request_object(run),
        "release": _release_object(report.registries[0]),
        "registries": [_registry_object(one, run.at) for one in report.registries],
        "coverage": asdict(report.coverage) if report.coverage else None,
        "fingerprints": asdict(report.fingerprints) if report.fingerprints else None,
        "input": _input_object(report),
        "rows": _rows_object(report),
        "regimes": {r.value: {"kept": kept, "removed": removed} for r, kept, removed in report.regimes()},
        "answers": {u.value: {p.word: n for p, n in counts.items()} for u, counts in report.answers()},
        "causes": [*report.causes()],
        "evidence": {level.name: tally.evidence[level.name] for level in Evidence},
        "copies": [{"method": m, "distance": d, "rows": n} for m, d, n in report.distances()],
        "unreadable": {"links": tally.totals["unreadable"], "digests": tally.totals["bad_digest"]},
        "checked_by": {way: tally.totals[f"by_{way}"] for way in CHECKED_BY},
        "unchecked": {
            "rows": tally.totals["unchecked"],
            "reasons": dict(most_first(tally.reasons)),
            "in_review": tally.totals["review"],
            "needed": asdict(run.needs),
        },
        "hosts": _listed(tally.hosts, "host"),
        "claims": [
            {"claim": name.claim, "origin": name.origin, "rows": count}
            for name, count in report.claims(MOST_LISTED)
        ],
        "set_aside": {"kept": tally.totals[KEPT_ASIDE], "removed": tally.totals[REMOVED_ASIDE]},
        "names_cut": tally.totals["cut"],
        "causes_cut": tally.totals["causes_cut"],
        "opt_in_out_urls": viewer_block(report),
        "limits": list(LIMITS),
    }


def _request_object(run: RunFacts) -> dict[str, JSON]:
    return {
        "regime": run.regime.value,
        "uses": [use.value for use in run.uses],
        "unchecked": run.unchecked.value if run.unchecked else None,
        "with_pending": run.with_pending,
        "mode": run.mode.value,
        "since": run.since,
        "minimum_evidence": {**run.standard.minimum},
        "as_of": run.standard.as_of.isoformat() if run.standard.as_of else None,
    }


def _release_object(registry: RegistryFacts) -> dict[str, JSON]:
    release = registry.release
    return {
        "number": release.number,
        "origin": release.origin,
        "published_at": release.published_at.isoformat(),
        "manifest_sha256": release.manifest_digest.hex(),
        "keys": list(registry.keys),
    }


def _registry_object(registry: RegistryFacts, at: datetime) -> dict[str, JSON]:
    return _release_object(registry) | {
        "age_seconds": int((at - registry.release.published_at).total_seconds()),
        "coverage": asdict(registry.coverage) if registry.coverage else None,
    }


def report_json(report: Report) -> bytes:
    """Return the bytes of ``report.json``: the same facts give the same bytes."""
    return json.dumps(report_object(report), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _listed(counts: Mapping[str, int], name: str) -> list[JSON]:
    return [{name: key, "rows": count} for key, count in most_first(counts, MOST_LISTED)]
