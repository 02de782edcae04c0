"""How long everything is kept: one table, enforced by a job every day. What the law or the log asks for stays; nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.registry.account_tables import (
    AuditEventRow,
    Delegation,
    Invitation,
    OutboxMessage,
    PasskeyChallenge,
    SignInLink,
    SignInSession,
    TokenRow,
)
from byleave.registry.draft_tables import DraftRow
from byleave.registry.following_tables import HandedIn
from byleave.registry.guard_tables import RateUseRow
from byleave.registry.proof_tables import OAuthState, ProofRow
from byleave.registry.rates import RATES

RETENTION: Final = "retention"
"""Name of the job."""

EVERY: Final = timedelta(hours=24)

Statement = sa.Delete | sa.Update | sa.TextClause


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of thing that is kept.

    what, why
        In words, for everybody.
    life
        How long, counted from ``since``.
    sweep
        Makes the statement that removes what is older; ``None`` where ``elsewhere`` says what removes it.
    """

    what: str
    life: timedelta
    since: str
    why: str
    sweep: Callable[[datetime], Statement] | None
    elsewhere: str = ""

    @property
    def length(self) -> str:
        """Its life in words."""
        hours = int(self.life.total_seconds()) // 3600
        if hours == 0:
            return "no longer"
        count, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
        return f"{count} {unit}{'' if count == 1 else 's'}"


def _older(column: sa.orm.InstrumentedAttribute[Any], life: timedelta) -> Callable[[datetime], Statement]:
    return lambda at: sa.delete(column.class_).where(column < at - life)


def _old_counts(at: datetime) -> Statement:
    row = RateUseRow
    return sa.delete(row).where(
        sa.or_(*((row.rate == rate.value) & (row.began_at < at - had.window) for rate, had in RATES.items()))
    )


def _old_rejects(at: datetime) -> Statement:
    row = HandedIn
    old = (row.finished_at < at - REJECTS_LIFE) & (sa.func.jsonb_array_length(row.rejects) > 0)
    return sa.update(row).where(old).values(rejects=[])


def _old_jobs(at: datetime) -> Statement:
    return sa.text(
        "DELETE FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing') AND coalesce(scheduled_at, "
        "(SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = procrastinate_jobs.id)) < :before"
    ).bindparams(before=at - JOBS_LIFE)


LINK_LIFE: Final = timedelta(hours=1)
NOTHING: Final = timedelta(0)
REJECTS_LIFE: Final = timedelta(days=30)
JOBS_LIFE: Final = timedelta(days=30)
RECORD_LIFE: Final = timedelta(days=365)

TABLE: Final[Mapping[str, Kept]] = {
    "sign_in_links": Kept(
        "Links to sign in: an address and the hash of a code",
        LINK_LIFE,
        "the link was sent",
        "A link works for 15 minutes; a little longer tells an old link from one that never was.",
        _older(SignInLink.created_at, LINK_LIFE),
    ),
    "sessions": Kept(
        "Signed-in browsers: the hash of a cookie",
        NOTHING,
        "its end, 14 days after signing in",
        "So that nobody has to sign in for every page.",
        _older(SignInSession.expires_at, NOTHING),
    ),
    "passkey_challenges": Kept(
        "What a device was asked to sign",
        NOTHING,
        "its end, minutes after it was asked",
        "A signature must answer a question that was asked.",
        _older(PasskeyChallenge.expires_at, NOTHING),
    ),
    "oauth_states": Kept(
        "Sign-ins at platforms that were begun",
        NOTHING,
        "its end, minutes after it was begun",
        "A platform’s answer must fit a question that was asked.",
        _older(OAuthState.expires_at, NOTHING),
    ),
    "invitations": Kept(
        "Invitations into an organisation: an address and the hash of a code",
        NOTHING,
        "its end",
        "So that the person invited can accept.",
        _older(Invitation.expires_at, NOTHING),
    ),
    "outbox": Kept(
        "E-mails, sent or not",
        timedelta(days=1),
        "the mail was written",
        "A mail server that is down is tried again for some hours. The text of a mail that was sent goes at once.",
        _older(OutboxMessage.created_at, timedelta(days=1)),
    ),
    "drafts": Kept(
        "Choices that were begun and not made",
        NOTHING,
        "its end, a day after it was begun",
        "So that a choice survives signing in.",
        _older(DraftRow.expires_at, NOTHING),
    ),
    "rate_uses": Kept(
        "Counts of how often somebody did something, under a keyed digest",
        max(had.window for had in RATES.values()),
        "the window began; each count goes with its own window, the longest is given here",
        "So that nobody floods the registry.",
        _old_counts,
    ),
    "waiting_proofs": Kept(
        "Proofs that were begun and never seen",
        timedelta(days=14),
        "the end of its token",
        "So that somebody may still be told that she was too late.",
        lambda at: sa.delete(ProofRow).where(
            ProofRow.state == "waiting", ProofRow.expires_at < at - timedelta(days=14)
        ),
    ),
    "rejects": Kept(
        "Lines of a list that could not be used, and why",
        REJECTS_LIFE,
        "the list was read",
        "So that whoever sent it can mend them.",
        _old_rejects,
    ),
    "ended_tokens": Kept(
        "Keys that were revoked or have run out: their name and hash",
        RECORD_LIFE,
        "its end",
        "So that a key that leaked is known as one that was revoked.",
        lambda at: sa.delete(TokenRow).where(
            sa.func.coalesce(TokenRow.revoked_at, TokenRow.expires_at) < at - RECORD_LIFE
        ),
    ),
    "ended_delegations": Kept(
        "Whom an artist let act for her, after she ended it",
        RECORD_LIFE,
        "its end",
        "So that it can be shown who was allowed to do what was done.",
        _older(Delegation.ended_at, RECORD_LIFE),
    ),
    "audit_events": Kept(
        "What was done to accounts, organisations, proofs and held choices: ids and words, no names",
        RECORD_LIFE,
        "it was done",
        "So that misuse can be found out.",
        _older(AuditEventRow.at, RECORD_LIFE),
    ),
    "ended_jobs": Kept(
        "Work that failed for good",
        JOBS_LIFE,
        "it was last tried",
        "So that the operator can find out why. Work that succeeded goes at once.",
        _old_jobs,
    ),
    "small_copies": Kept(
        "Small copies of pictures that were sent to be compared",
        timedelta(hours=1),
        "it was sent",
        "Comparing needs it. It is held in memory and never written to a file.",
        None,
        "the site itself, in memory",
    ),
    "old_lists": Kept(
        "Published lists that a newer one replaced",
        timedelta(days=90),
        "the newer one was published",
        "So that what was taken back does not stay readable for ever. The signed manifest, which names nobody, stays.",
        None,
        "the same job, on the folder of releases",
    ),
}
"""Everything that is kept for a time. Accounts, choices, proofs that were seen and memberships stay until whoever they belong to ends
or erases them; what is in the log stays for good, and says nothing about anybody once its record is erased."""


def sweep(session: Session, at: datetime) -> Mapping[str, int]:
    """Remove what has been kept long enough, and return how much of each kind went. Running it twice is harmless."""
    gone = {}
    for name, kept in TABLE.items():
        if kept.sweep is not None:
            done = session.connection().execute(kept.sweep(at))
            gone[name] = done.rowcount
    return gone
