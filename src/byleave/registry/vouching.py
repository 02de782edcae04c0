"""Vouching: an organisation that the operator trusts to know its artists says that a place is one artist's.

It takes three: the operator, who enters it; the organisation; and the artist, who lets that organisation act for her. Once she no longer
does, nobody vouches any more.
"""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from byleave.errors import ConflictError
from byleave.registry.account_tables import Delegation
from byleave.registry.permissions import Act, Who, require
from byleave.registry.places import Place
from byleave.registry.proofs import Proof
from byleave.registry.proving import Finding, keep_proof
from byleave.registry.scopes import Method


def vouch(
    session: Session, organisation: uuid.UUID, artist: uuid.UUID, place: Place, *, who: Who, at: datetime
) -> Proof:
    """Keep the proof that an organisation vouches for an artist at one place.

    Raises
    ------
    RefusedError
        If ``who`` is not the operator.
    ConflictError
        If the artist does not let the organisation act for her, or another one vouches for that place already.
    """
    require(who, Act.MANAGE_REVIEWERS)
    finding = vouching(session, artist, str(organisation))
    if not finding.good:
        raise ConflictError(
            "she does not let that organisation act for her", remedy="ask her to do so on its page first"
        )
    return keep_proof(session, Method.VOUCHED, place, finding, who=who, account=artist, at=at, most=None)


def vouching(session: Session, artist: uuid.UUID, organisation: str | None) -> Finding:
    """Look whether an organisation may still vouch for an artist."""
    open_one = sa.select(Delegation.id).where(
        Delegation.artist_id == artist,
        sa.cast(Delegation.organisation_id, sa.Text) == organisation,
        Delegation.ended_at.is_(None),
    )
    good = session.execute(open_one.limit(1)).scalar_one_or_none() is not None
    words = "you let it act for you, and it vouches" if good else "you no longer let it act for you"
    seen = {"steps": [{"asked": "the organisation", "words": words}], "requests": 0, "milliseconds": 0}
    return Finding(good=good, gone=not good, subject=organisation, seen=seen)
