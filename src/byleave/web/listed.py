"""What each published list says of one choice, for the page of that choice."""

from __future__ import annotations

import logging
from typing import Final

from byleave.consent import ClaimState
from byleave.errors import ByleaveError
from byleave.publish.listings import Listing, listings
from byleave.publish.receipts import acknowledge
from byleave.registry.claims import Claim
from byleave.web.site import Site

log = logging.getLogger("byleave.web")

SHOWN_LISTS: Final = 8


def lists_of(site: Site, claim: Claim) -> tuple[Listing, ...] | None:
    """Return what the newest lists since a choice was made say of it, or ``None`` where the record cannot be read now.

    The page of a choice stays up while the log or a list is broken; the error stands in the site's log.
    """
    if claim.state is ClaimState.ERASED:
        return ()
    try:
        (held,) = acknowledge(site.database, site.settings, [claim], at=site.clock())
        with site.database.transaction() as session:
            return listings(session, site.settings, held.receipt, most=SHOWN_LISTS)
    except ByleaveError as error:
        log.warning("the lists of a choice cannot be shown: %s", error.problem)
        return None
