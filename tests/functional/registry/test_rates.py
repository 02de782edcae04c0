"""Allowances: so much in each window, counted for whoever spends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from byleave.registry.database import Database
from byleave.registry.guard_tables import RateUseRow
from byleave.registry.rates import _WORDS, RATES, Rate, TooOftenError, spend

pytestmark = pytest.mark.functional
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MARA, NOAH = b"mara", b"noah"


def test_a_window_holds_so_much_and_the_next_one_begins_anew(database: Database) -> None:
    most = RATES[Rate.LOOK_UPS].amount
    with database.transaction() as session:
        spend(session, Rate.LOOK_UPS, MARA, most, at=NOON)
    with pytest.raises(TooOftenError) as refused, database.transaction() as session:
        spend(session, Rate.LOOK_UPS, MARA, 1, at=NOON + timedelta(seconds=59))
    assert "2026-11-22 12:01 UTC" in refused.value.remedy
    with database.transaction() as session:
        spend(session, Rate.LOOK_UPS, MARA, 7, at=NOON + timedelta(seconds=60))
        assert session.execute(sa.select(RateUseRow.spent)).scalars().all() == [7]


def test_what_one_spends_another_still_has(database: Database) -> None:
    allowed = RATES[Rate.PROOF_CHECKS].amount
    with database.transaction() as session:
        spend(session, Rate.PROOF_CHECKS, MARA, allowed, at=NOON)
        spend(session, Rate.PROOF_CHECKS, NOAH, allowed, at=NOON)
        spend(session, Rate.LOOK_UPS, MARA, 1, at=NOON)
        noted = session.execute(sa.select(RateUseRow.spent)).scalars().all()
    assert sorted(noted) == [1, allowed, allowed]


@pytest.mark.parametrize("rate", Rate)
def test_every_rate_has_an_allowance_and_words(rate: Rate) -> None:
    assert RATES[rate].amount > 0
    assert _WORDS[rate]
