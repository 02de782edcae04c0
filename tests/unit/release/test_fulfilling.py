"""A run fulfils a pledge if it does what was promised or more; each thing it does less of is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from byleave.consent import Evidence, Regime, Standard, Use
from byleave.errors import VerificationError
from byleave.release.attestations import NamedList
from byleave.release.fulfilling import Doing, refuse_broken
from byleave.release.manifest import ReleaseName
from byleave.release.pledges import Pledge
from byleave.release.statements import FileDigest

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FILE = FileDigest("a.parquet", bytes(32))

PLEDGE = Pledge(
    organisation="Models",
    registry="registry.example/list",
    dataset="many links",
    regime=Regime.OPT_OUT,
    uses=(Use.TRAIN_GEN,),
    most_lag_days=30,
    made_at=NOW - 60 * DAY,
    minimum=Standard(deny=Evidence.E1),
)
LIST = NamedList(PLEDGE.registry, ReleaseName(4, bytes(32)), NOW - 30 * DAY)
OTHER = replace(LIST, origin="other.example/list")
DOING = Doing(
    "many links", (OTHER, LIST), Regime.OPT_OUT, (Use.TDM, Use.TRAIN_GEN), Standard(deny=Evidence.E1), NOW
)

MORE: list[dict[str, Any]] = [
    {},
    {"dataset": None},
    {"regime": Regime.OPT_IN},
    {"minimum": Standard()},
    {"minimum": Standard(deny=Evidence.E1, allow=Evidence.E4)},
    {"as_of": NOW - 30 * DAY},
    {"files": (FILE,)},
]


@pytest.mark.parametrize("others", MORE)
def test_what_was_promised_or_more_is_fulfilled(others: dict[str, Any]) -> None:
    refuse_broken(PLEDGE, replace(DOING, **others))


def test_a_promise_of_research_is_fulfilled_by_everything() -> None:
    for regime in Regime:
        refuse_broken(replace(PLEDGE, regime=Regime.RESEARCH), replace(DOING, regime=regime))


LESS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("the pledge is about 'many links', this is 'few links'", {}, {"dataset": "few links"}),
    ("lists of registry.example/list were pledged, this is of other.example/list", {}, {"lists": (OTHER,)}),
    ("opt_out was pledged, this is research", {}, {"regime": Regime.RESEARCH}),
    ("opt_in was pledged, this is opt_out", {"regime": Regime.OPT_IN}, {}),
    ("it is not for train_gen", {}, {"uses": (Use.TDM,)}),
    ("more evidence of a no", {}, {"minimum": Standard(deny=Evidence.E2)}),
    ("less of a yes", {"minimum": Standard(allow=Evidence.E4)}, {"minimum": Standard(allow=Evidence.E3)}),
    ("at most 29 days were pledged", {"most_lag_days": 29}, {}),
    ("until 31 days before the run", {}, {"as_of": NOW - 31 * DAY}),
    (
        "1 files are not those that were pledged: b.parquet",
        {"files": (FILE,)},
        {"files": (FILE, FileDigest("b.parquet", bytes(32)))},
    ),
    (
        "1 files are not those that were pledged: a.parquet",
        {"files": (FILE,)},
        {"files": (FileDigest("a.parquet", bytes([1]) * 32),)},
    ),
]


@pytest.mark.parametrize(("words", "pledged", "done"), LESS)
def test_what_is_less_than_promised_is_told(
    words: str, pledged: dict[str, Any], done: dict[str, Any]
) -> None:
    with pytest.raises(VerificationError) as refused:
        refuse_broken(replace(PLEDGE, **pledged), replace(DOING, **done))
    assert words in refused.value.problem


def test_all_that_is_less_is_told_at_once() -> None:
    with pytest.raises(VerificationError) as refused:
        refuse_broken(PLEDGE, replace(DOING, regime=Regime.RESEARCH, uses=(Use.TDM,), lists=(OTHER,)))
    assert refused.value.problem.count(";") == 2
