"""The tables by which statements are judged many at a time say what the rules of consent say, at the edges of every date as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from byleave.apply.ruleset import KINDS
from byleave.apply.standings import ACTS, PENDING, SILENT, life_table, standing_table
from byleave.apply.statements import STATES
from byleave.consent import (
    ClaimState,
    Evidence,
    Preference,
    Preferences,
    Standing,
    Statement,
    TargetKind,
    Use,
    standing,
)

AT = datetime(2026, 6, 1, tzinfo=UTC)
NUMBERS = {Standing.SILENT: SILENT, Standing.PENDING: PENDING, Standing.ACTS: ACTS}
moments = st.sampled_from([None, *(AT + timedelta(microseconds=step) for step in (-1, 0, 1))])


@given(
    kind=st.sampled_from(KINDS),
    state=st.sampled_from(STATES),
    evidence=st.sampled_from(list(Evidence)),
    preference=st.sampled_from(list(Preference)),
    use=st.sampled_from(list(Use)),
    begins=moments,
    expires=moments,
    flags=st.tuples(st.booleans(), st.booleans()),
)
def test_the_tables_say_what_the_rules_say(
    *,
    kind: TargetKind,
    state: ClaimState,
    evidence: Evidence,
    preference: Preference,
    use: Use,
    begins: datetime | None,
    expires: datetime | None,
    flags: tuple[bool, bool],
) -> None:
    disputed, stale = flags
    said = Statement(
        claim=bytes(16),
        claimant=bytes(16),
        kind=kind,
        digest=bytes(32),
        preferences=Preferences.same(preference, [use]),
        evidence=evidence,
        state=state,
        number=1,
        effective_at=begins,
        expires_at=expires,
        disputed=disputed,
        stale=stale,
    )
    begun, ended = begins is not None and begins <= AT, expires is not None and expires <= AT
    life = life_table()[STATES.index(state), int(begun), int(ended)]
    looked_up = standing_table()[life, KINDS.index(kind), evidence, disputed + 2 * stale, preference]
    assert looked_up == NUMBERS[standing(said, use, AT)]


def test_the_tables_know_all_three_answers() -> None:
    assert {SILENT, PENDING, ACTS} == set(standing_table().ravel().tolist())
    assert set(life_table().ravel().tolist()) == {0, 1, 2}
