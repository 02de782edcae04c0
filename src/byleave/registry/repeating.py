"""Sending the same thing twice makes it once: a button pressed again, or a page that somebody came back to."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.consent import STEPS, ClaimState
from byleave.errors import ConflictError
from byleave.registry.account_tables import Account
from byleave.registry.claims import Claim, claims_with_targets
from byleave.registry.filing import Filing, NewClaim
from byleave.registry.tables import ClaimRow, TargetRow


class FiledBeforeError(ConflictError):
    """Everything handed in was filed already."""


def filed_before() -> FiledBeforeError:
    """Return the error that says so."""
    return FiledBeforeError("this choice was made already, and is made once", remedy="see My choices")


def refuse_repeated(session: Session, filings: Sequence[Filing]) -> None:
    """Make sure that a batch says something new; others of the same account wait until this transaction ends.

    Only the last word about a thing counts: who said no, then yes, and says no again says something new.

    Raises
    ------
    FiledBeforeError
        If what each claim says is what the account said last about the same things, and still stands.
    """
    accounts = {filing.account for filing in filings}
    session.execute(sa.select(Account.id).where(Account.id.in_(accounts)).with_for_update())
    if all(_is_last_word(session, filing, filings) for filing in filings):
        raise filed_before()


def _is_last_word(session: Session, filing: Filing, filings: Sequence[Filing]) -> bool:
    """Whether one of the account's newest claims about the first target says the same; as many as this batch would make about it."""
    first = filing.new.targets[0]
    together = sum(one.new.targets == filing.new.targets for one in filings)
    about = sa.select(TargetRow.claim_id).where(
        TargetRow.kind == first.kind.value, TargetRow.digest == first.digest
    )
    chosen = sa.select(ClaimRow).where(ClaimRow.account_id == filing.account, ClaimRow.id.in_(about))
    rows = session.scalars(chosen.order_by(ClaimRow.answered_event.desc()).limit(together)).all()
    return any(_says(claim, filing.new) for claim in claims_with_targets(session, rows))


def _says(claim: Claim, new: NewClaim) -> bool:
    return ClaimState.WITHDRAWN in STEPS[claim.state] and _words(claim) == _words(new)


def _words(said: Claim | NewClaim) -> tuple[object, ...]:
    targets = {(target.kind, target.digest) for target in said.targets}
    return (
        said.preferences,
        targets,
        said.terms,
        said.contact,
        said.licence,
        said.about,
        said.publish_values,
        said.expires_at,
        said.act,
    )
