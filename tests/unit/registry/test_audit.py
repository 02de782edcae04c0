"""What is written down about what was done: closed words, numbers and ids, and nothing a person typed."""

from __future__ import annotations

import uuid
from dataclasses import fields
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from byleave.registry.account_tables import AuditEventRow
from byleave.registry.audit import (
    DETAILS,
    AuditKind,
    DelegationDetails,
    Details,
    ErasureDetails,
    MemberDetails,
    NoDetails,
    ProofDetails,
    ReviewDetails,
    TokenDetails,
    record,
)
from byleave.registry.permissions import OPERATOR, Role, Who

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOMEBODY = uuid.UUID(int=7)
EXAMPLES: dict[type[Details], Details] = {
    NoDetails: NoDetails(),
    TokenDetails: TokenDetails("file", SOMEBODY),
    MemberDetails: MemberDetails("admin"),
    DelegationDetails: DelegationDetails(SOMEBODY),
    ProofDetails: ProofDetails(SOMEBODY, "dns", 3),
    ReviewDetails: ReviewDetails("too_many_works"),
    ErasureDetails: ErasureDetails(12),
}


def written(kind: AuditKind, details: Details | None) -> AuditEventRow:
    session = Session()
    record(session, kind, who=Who(Role.CLAIMANT, SOMEBODY), subject=b"\x01" * 16, details=details, at=NOON)
    (row,) = session.new
    assert isinstance(row, AuditEventRow)
    return row


@pytest.mark.parametrize("kind", AuditKind)
def test_each_kind_takes_its_own_details_and_no_others(kind: AuditKind) -> None:
    row = written(kind, EXAMPLES[DETAILS[kind]])
    assert row.details.keys() == {part.name for part in fields(DETAILS[kind])}
    assert (row.kind, row.actor_id, row.subject) == (kind.value, SOMEBODY, "01" * 16)
    for other, example in EXAMPLES.items():
        if other is not DETAILS[kind]:
            with pytest.raises(TypeError):
                written(kind, example)


def test_every_shape_of_details_is_tried_here() -> None:
    assert set(EXAMPLES) == set(get_args(Details))


@given(st.text().filter(lambda text: not text.replace("_", "").replace("-", "").isalnum() or len(text) > 64))
def test_what_a_person_typed_does_not_get_in(text: str) -> None:
    with pytest.raises(ValueError, match="closed word"):
        written(AuditKind.CLAIM_HELD, ReviewDetails(text))


def test_the_operator_has_no_id() -> None:
    session = Session()
    record(session, AuditKind.REVIEWER_ADDED, who=OPERATOR, subject=SOMEBODY, at=NOON)
    (row,) = session.new
    assert isinstance(row, AuditEventRow)
    assert (row.role, row.actor_id, row.subject, row.details) == ("operator", None, str(SOMEBODY), {})
