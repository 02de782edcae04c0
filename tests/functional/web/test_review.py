"""Held choices are looked at: by those the operator named and nobody else, with a reason that the claimant reads."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.website import Browser, Gallery, Website

from byleave import media
from byleave.consent import PRESETS, ClaimState
from byleave.copies.guard import guarded
from byleave.fingerprints import ClaimedPicture
from byleave.registry.account_tables import AuditEventRow, OutboxMessage
from byleave.registry.accounts import account_of, set_reviewer
from byleave.registry.claims import Claim, claim_by_id
from byleave.registry.filing import Filing, NewClaim, file_claims
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import picture_target
from byleave.settings import Limits

pytestmark = pytest.mark.functional
MARA, RENE = "mara@example.org", "rene@example.org"


def file_greedy(website: Website, gallery: Gallery, email: str = MARA) -> Claim:
    """File a choice whose match code meets nine pictures of strangers."""
    codes = []
    for name in [name for name in gallery.names if name.endswith("-0")][:9]:
        seen = media.claimed_picture(gallery.file(name).read_bytes(), limits=Limits())
        assert isinstance(seen, ClaimedPicture)
        codes.append(seen.variants[0])
    target = picture_target(ClaimedPicture(tuple(codes), 100), "My collage <3")
    with website.database.transaction() as session:
        now = website.clock()
        filing = Filing(NewClaim(PRESETS["no_ai"], (target,)), account_of(session, email, now))
        seen_by_guard = guarded(website.catalog, session, [filing], who=OPERATOR, at=now)
        (claim,) = file_claims(session, seen_by_guard, who=OPERATOR, at=now)
    assert claim.hold_reason == "crowded"
    return claim


@pytest.fixture
def reviewer(website: Website) -> Browser:
    with website.database.transaction() as session:
        set_reviewer(session, RENE, reviews=True, who=OPERATOR, at=website.clock())
    browser = website.browser()
    browser.sign_in(RENE)
    return browser


def decide(browser: Browser, claim: Claim, decision: str, reason: str) -> str:
    fields = {"form_token": browser.token("/review"), "decision": decision, "reason": reason}
    return browser.post(f"/review/{claim.id.hex()}", data=fields).text


def stored(website: Website, claim: Claim) -> Claim:
    with website.database.transaction() as session:
        return claim_by_id(session, claim.id, who=OPERATOR)


def test_a_held_choice_is_shown_beside_what_it_would_touch(
    website: Website, gallery: Gallery, reviewer: Browser
) -> None:
    file_greedy(website, gallery)
    website.clock.ahead = timedelta(hours=3)
    page = reviewer.get("/review").text
    assert "1 choice waits" in page
    assert "3 hours" in page
    assert "It would touch 9 different pictures" in page
    assert len(re.findall(r'<img src="/thumbnail/gallery/', page)) == 10, "what was chosen, and nine others"
    assert "My collage &lt;3" in page
    assert MARA not in page


def test_everybody_reads_how_many_wait_and_how_long(website: Website, gallery: Gallery) -> None:
    file_greedy(website, gallery)
    website.clock.ahead = timedelta(days=5)
    told = website.browser().get("/registry").text
    assert "Held for a look</dt><dd>1: for 5 days</dd>" in told
    assert "1 choice waits for that now: for 5 days." in website.browser().get("/about").text
    file_greedy(website, gallery, "noah@example.org")
    told = website.browser().get("/registry").text
    assert re.search(r"<dd>2: half of them for \d+ (days|hours) or longer, the oldest for 5 days</dd>", told)


def test_letting_a_choice_count_tells_its_claimant_why(
    website: Website, gallery: Gallery, reviewer: Browser
) -> None:
    claim = file_greedy(website, gallery)
    assert "The choice counts from now on" in decide(reviewer, claim, "release", "All nine\r\n are hers.")
    assert stored(website, claim).state is ClaimState.EFFECTIVE
    with website.database.transaction() as session:
        body = session.execute(
            sa.select(OutboxMessage.body)
            .where(OutboxMessage.recipient == MARA)
            .order_by(OutboxMessage.id.desc())
        ).scalar()
        told = session.execute(sa.select(AuditEventRow.details).where(AuditEventRow.kind == "claim_released"))
        assert told.scalar_one() == {"reason": "crowded"}
    assert body is not None
    assert "All nine are hers." in body
    assert f"/choices/{claim.id.hex()}" in body
    mara = website.browser()
    mara.sign_in(MARA)
    assert "Looked at, and let go: All nine are hers." in mara.get(f"/choices/{claim.id.hex()}").text


def test_turning_a_choice_down_shows_its_claimant_why(
    website: Website, gallery: Gallery, reviewer: Browser
) -> None:
    claim = file_greedy(website, gallery)
    mara = website.browser()
    mara.sign_in(MARA)
    assert "meets several different pictures" in mara.get("/choices").text
    assert "turned down" in decide(reviewer, claim, "reject", "These are nine other people’s.")
    page = mara.get("/choices").text
    assert "Turned down" in page
    assert "These are nine other people’s." in page


@pytest.mark.parametrize(
    ("decision", "reason"), [("release", "  "), ("perhaps", "because"), ("reject", "x" * 501)]
)
def test_a_decision_needs_a_reason_and_one_of_two_words(
    website: Website, gallery: Gallery, reviewer: Browser, decision: str, reason: str
) -> None:
    claim = file_greedy(website, gallery)
    decide(reviewer, claim, decision, reason)
    assert stored(website, claim).state is ClaimState.HELD


def test_nobody_looks_at_her_own_choice_and_nobody_else_looks_at_all(
    website: Website, gallery: Gallery, reviewer: Browser
) -> None:
    own, hers = file_greedy(website, gallery, RENE), file_greedy(website, gallery)
    page = reviewer.get("/review").text
    assert hers.id.hex() in page
    assert own.id.hex() not in page
    decide(reviewer, own, "release", "It is mine.")
    mallory = website.browser()
    mallory.sign_in("mallory@example.org")
    assert mallory.get("/review").status_code == 403
    token = mallory.token()
    refused = mallory.post(
        f"/review/{hers.id.hex()}", data={"form_token": token, "decision": "release", "reason": "please"}
    )
    assert refused.status_code == 403
    assert "Review</a>" not in mallory.get("/").text
    assert {stored(website, one).state for one in (own, hers)} == {ClaimState.HELD}


def test_of_two_who_look_at_once_one_decides(website: Website, gallery: Gallery, reviewer: Browser) -> None:
    claim = file_greedy(website, gallery)
    decide(reviewer, claim, "reject", "No.")
    answer = reviewer.post(
        f"/review/{claim.id.hex()}",
        data={"form_token": reviewer.token("/review"), "decision": "release", "reason": "Yes."},
    )
    assert answer.status_code == 404
    assert stored(website, claim).state is ClaimState.REJECTED
