"""Who may do what: a claimant what is hers, a visitor next to nothing."""

from __future__ import annotations

import uuid

import pytest

from byleave.errors import InputError, RefusedError
from byleave.registry.accounts import normal_address
from byleave.registry.permissions import OPERATOR, VISITOR, Act, Role, Who, may, require

HERS, ANOTHERS = uuid.UUID(int=1), uuid.UUID(int=2)
CLAIMANT = Who(Role.CLAIMANT, HERS)
HER_OWN = {Act.FILE_CLAIM, Act.SEE_CLAIM, Act.WITHDRAW_CLAIM, Act.ERASE_CLAIM}
OPEN = {Act.SEARCH, Act.LOOK_UP, Act.READ_RECORD, Act.SIGN_IN}


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
