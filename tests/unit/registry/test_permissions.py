"""Who may do what: what is not granted to somebody, by account, membership, delegation or key, is refused."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.errors import InputError, RefusedError
from byleave.registry.accounts import normal_address
from byleave.registry.identity import SCOPE_ACTS
from byleave.registry.permissions import (
    DELEGATED_ACTS,
    MEMBER_ACTS,
    OPERATOR,
    VISITOR,
    Act,
    MemberRole,
    Role,
    Who,
    may,
    require,
)
from byleave.registry.tokens import Scope

HERS, ANOTHERS, AGENCYS = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)
CLAIMANT = Who(Role.CLAIMANT, HERS)
ON_CLAIMS = {Act.FILE_CLAIM, Act.SEE_CLAIM, Act.CHANGE_CLAIM, Act.WITHDRAW_CLAIM}
ON_PROOFS = {Act.PROVE, Act.CHECK_ABSENCES}
HER_OWN = ON_CLAIMS | ON_PROOFS | {Act.ERASE_CLAIM, Act.MANAGE_ACCOUNT, Act.EXPORT, Act.MANAGE_TOKENS}
OPEN = {Act.SEARCH, Act.LOOK_UP, Act.READ_RECORD, Act.SIGN_IN}

ACCOUNTS = st.sampled_from([HERS, ANOTHERS, AGENCYS])
SOME_ACTS = st.frozensets(st.sampled_from(Act))
ANY_WHO = st.builds(
    Who,
    st.sampled_from([Role.CLAIMANT, Role.VISITOR]),
    st.none() | ACCOUNTS,
    st.dictionaries(ACCOUNTS, SOME_ACTS),
    st.none() | SOME_ACTS,
    st.booleans(),
)


@pytest.mark.parametrize("act", Act)
def test_a_claimant_may_do_to_her_own_claims_what_nobody_else_may(act: Act) -> None:
    assert may(CLAIMANT, act, account=HERS) == (act in HER_OWN | OPEN)
    for account in (ANOTHERS, None):
        assert may(CLAIMANT, act, account=account) == (act in OPEN)


@pytest.mark.parametrize("act", Act)
def test_a_visitor_may_search_look_up_read_the_record_and_sign_in(act: Act) -> None:
    for account in (HERS, None):
        assert may(VISITOR, act, account=account) == (act in OPEN)


@pytest.mark.parametrize("act", Act)
def test_a_claimant_without_an_account_owns_nothing_not_even_what_is_nobodys(act: Act) -> None:
    assert may(Who(Role.CLAIMANT), act, account=None) == (act in OPEN)


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", MemberRole)
def test_a_member_may_do_for_the_organisation_what_her_role_says(role: MemberRole, act: Act) -> None:
    member = Who(Role.CLAIMANT, HERS, {AGENCYS: MEMBER_ACTS[role]})
    expected = {
        MemberRole.VIEWER: {Act.SEE_CLAIM, Act.SEE_ORGANISATION},
        MemberRole.FILER: ON_CLAIMS | ON_PROOFS | {Act.REPORT, Act.SEE_ORGANISATION},
        MemberRole.ADMIN: ON_CLAIMS
        | ON_PROOFS
        | {Act.REPORT, Act.SEE_ORGANISATION}
        | {Act.ERASE_CLAIM, Act.EXPORT, Act.MANAGE_TOKENS, Act.MANAGE_ORGANISATION},
    }[role]
    assert may(member, act, account=AGENCYS) == (act in expected | OPEN)
    assert may(member, act, account=ANOTHERS) == (act in OPEN)


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", MemberRole)
def test_an_artist_lets_others_act_on_her_choices_and_on_nothing_else_of_hers(
    role: MemberRole, act: Act
) -> None:
    agent = Who(Role.CLAIMANT, HERS, {ANOTHERS: DELEGATED_ACTS[role]})
    expected = {Act.SEE_CLAIM} if role is MemberRole.VIEWER else ON_CLAIMS
    assert may(agent, act, account=ANOTHERS) == (act in expected | OPEN)


@given(who=ANY_WHO, act=st.sampled_from(Act), account=st.none() | ACCOUNTS)
def test_nobody_may_act_on_an_account_that_is_not_hers_without_a_grant(
    who: Who, act: Act, account: uuid.UUID | None
) -> None:
    granted = account is not None and act in who.acts_for.get(account, frozenset())
    if act is not Act.REVIEW_CLAIM and act not in OPEN and account != who.account and not granted:
        assert not may(who, act, account=account)


@given(who=ANY_WHO, act=st.sampled_from(Act), account=st.none() | ACCOUNTS)
def test_a_limit_only_ever_takes_away(who: Who, act: Act, account: uuid.UUID | None) -> None:
    unlimited = Who(who.role, who.account, who.acts_for, None, who.reviews)
    if may(who, act, account=account):
        assert may(unlimited, act, account=account)
        assert act in OPEN or who.only is None or act in who.only


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("scope", Scope)
def test_a_key_lets_a_program_do_what_its_scope_says(scope: Scope, act: Act) -> None:
    key = Who(Role.CLAIMANT, HERS, only=SCOPE_ACTS[scope])
    assert may(key, act, account=HERS) == (act in (HER_OWN & SCOPE_ACTS[scope]) | OPEN)
    assert not SCOPE_ACTS[scope] & {
        Act.MANAGE_ACCOUNT,
        Act.EXPORT,
        Act.MANAGE_TOKENS,
        Act.REVIEW_CLAIM,
        Act.PUBLISH,
    }


def test_a_reviewer_looks_at_what_is_neither_hers_nor_of_those_she_acts_for() -> None:
    reviewer = Who(Role.CLAIMANT, HERS, {AGENCYS: MEMBER_ACTS[MemberRole.VIEWER]}, reviews=True)
    assert may(reviewer, Act.REVIEW_CLAIM)
    assert may(reviewer, Act.REVIEW_CLAIM, account=ANOTHERS)
    assert not may(reviewer, Act.REVIEW_CLAIM, account=HERS)
    assert not may(reviewer, Act.REVIEW_CLAIM, account=AGENCYS)
    assert not may(CLAIMANT, Act.REVIEW_CLAIM, account=ANOTHERS)
    assert not may(reviewer, Act.WITHDRAW_CLAIM, account=ANOTHERS)


def test_the_operator_may_do_everything_and_a_refusal_has_a_remedy() -> None:
    assert all(may(OPERATOR, act, account=HERS) for act in Act)
    with pytest.raises(RefusedError) as refused:
        require(VISITOR, Act.PUBLISH)
    assert refused.value.remedy


@pytest.mark.parametrize("text", [" Ann@Example.COM ", "ann@example.com"])
def test_an_address_has_one_form(text: str) -> None:
    assert normal_address(text) == "ann@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "a b@example.com",
        "ann@exa\nmple.com",
        "a@b@example.com",
        "ann@example.com\x00",
        "x" * 65 + "@example.com",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        normal_address(text)
