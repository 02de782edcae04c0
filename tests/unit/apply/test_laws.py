"""Laws of applying that hold whatever was asked for: several registries, a minimum of evidence, a cut-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.apply.worlds import NOW, OTHER_KEY, links_file, request, row, synced

from byleave.apply.report import Report
from byleave.apply.run import apply_ruleset
from byleave.consent import ALLOW_FROM, Evidence, Preference, Regime, Standard, TargetKind
from byleave.datasets import OWN_FOLDER
from byleave.release.rows import Row

LINKS = ("http://a.example/1", "http://b.example/?q", "http://c.example", "http://d.example/", None, "bad")
STRICT = [level for level in Evidence if level >= ALLOW_FROM]


@st.composite
def lists(draw: st.DrawFn) -> list[Row]:
    """Draw a list in which few parties speak about few hosts and links."""
    return [
        row(
            number,
            kind,
            {TargetKind.HOST: f"{place}.example", TargetKind.URL: f"http://{place}.example/1"}[kind],
            draw(st.sampled_from([Preference.DENY, Preference.CONDITIONAL, Preference.ALLOW])),
            claimant=draw(st.integers(1, 2)),
            evidence=draw(st.sampled_from(Evidence)),
            effective_at=NOW - timedelta(days=draw(st.integers(0, 3))),
        )
        for number in range(1, draw(st.integers(0, 4)) + 1)
        for kind in [draw(st.sampled_from([TargetKind.HOST, TargetKind.URL]))]
        for place in [draw(st.sampled_from("abc"))]
    ]


standards = st.builds(
    Standard,
    st.sampled_from(Evidence),
    st.sampled_from(Evidence),
    st.sampled_from(STRICT),
    st.none() | st.integers(0, 3).map(lambda days: NOW - timedelta(days=days, hours=1)),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run kept and listed, by the numbers of the input's rows, and what it reported."""

    folder: Path
    kept: list[int]
    listed: list[int]
    report: Report


def outcome(world: Path, source: Path, name: str, **asked: Any) -> Outcome:
    out = world / name
    report = apply_ruleset(request(world, source, output=out, **asked), NOW)
    kept = pq.read_table(out / source.name)["row"].to_pylist()
    listed = pq.read_table(out / OWN_FOLDER / report.run.removed_file)["row"].to_pylist()
    return Outcome(out / source.name, kept, listed, report)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lists(), lists(), st.lists(st.sampled_from(LINKS), max_size=10), standards)
def test_the_laws_hold_for_several_registries_and_any_standard(
    one: list[Row], other: list[Row], urls: Sequence[str | None], standard: Standard
) -> None:
    """Kept and removed make the input in its order, twice is once, and what was set aside is counted to the row."""
    with TemporaryDirectory() as name:
        world = Path(name)
        both = synced(world, one), synced(world, other, key=OTHER_KEY, name="other")
        source = links_file(world / "links.parquet", urls)
        for regime in (Regime.OPT_OUT, Regime.OPT_IN):
            asked = {"ruleset": both, "regime": regime, "standard": standard}
            found = outcome(world, source, regime.value, **asked)
            assert sorted(found.kept + found.listed) == list(range(len(urls)))
            assert found.kept == sorted(found.kept)
            assert pq.read_schema(found.folder).equals(pq.read_schema(source), check_metadata=True)
            again = outcome(world, found.folder, f"{regime.value} again", **asked)
            assert again.folder.read_bytes() == found.folder.read_bytes()
            plain = outcome(world, source, f"{regime.value} by the rules", **asked | {"standard": Standard()})
            totals = found.report.tally.totals
            assert totals["kept_aside"] == len(set(found.kept) - set(plain.kept))
            assert totals["removed_aside"] == len(set(plain.kept) - set(found.kept))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lists(), lists(), st.sampled_from(STRICT))
def test_whatever_is_more_restrictive_never_keeps_more(
    one: list[Row], other: list[Row], level: Evidence
) -> None:
    """A further registry (where silence stays), a stricter yes, pending refusals and a stricter regime."""
    with TemporaryDirectory() as name:
        world = Path(name)
        alone, second = synced(world, one), synced(world, other, key=OTHER_KEY, name="other")
        source = links_file(world / "links.parquet", LINKS)
        plain = set(outcome(world, source, "plain").kept)
        stricter: list[dict[str, Any]] = [
            {"ruleset": (alone, second)},
            {"standard": Standard(allow=level)},
            {"with_pending": True},
            {"regime": Regime.OPT_IN},
        ]
        for place, asked in enumerate(stricter):
            assert set(outcome(world, source, f"stricter {place}", **asked).kept) <= plain
