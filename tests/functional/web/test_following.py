"""What became of a choice: told by one timeline, from what happened and what organisations show and report."""

from __future__ import annotations

import dataclasses
import re
import uuid
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from tests.website import MARA, Browser, Website

from byleave.catalog.queries import Page, WordsQuery
from byleave.consent import PRESETS
from byleave.copies.counting import (
    COUNT_LONG,
    MOST_TARGETS,
    TARGETS_A_PAGE,
    Begun,
    count_copies,
    count_long_claims,
    note_copies,
)
from byleave.copies.guard import Stopwatch
from byleave.publish.releases import publish
from byleave.registry.account_tables import Account, OutboxMessage
from byleave.registry.accounts import account_of
from byleave.registry.claims import claims_of
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.following_tables import CopiesFound, Fetched
from byleave.registry.jobs import defer, run_pending
from byleave.registry.mail import Post
from byleave.registry.monthly import write_monthly
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import url_target
from byleave.registry.tokens import Scope, create_token
from byleave.settings import Settings
from byleave.web.unsubscribe_routes import unsubscribe_links
from byleave.web.upkeep import upkeep_tasks

pytestmark = pytest.mark.functional


def claim_of(browser: Browser) -> str:
    found = re.search(r'href="/choices/([0-9a-f]{32})"', browser.get("/choices").text)
    assert found
    return found.group(1)


def key(website: Website, scope: Scope, name: str = "Example Lab") -> str:
    """Return a key of a new organisation."""
    now = website.clock()
    with website.database.transaction() as session:
        lab = Account(id=uuid.uuid4(), kind="organisation", email=None, name=name, created_at=now)
        session.add(lab)
        session.flush()
        return create_token(session, "k", who=OPERATOR, at=now, scope=scope, account=lab.id).key


def published(website: Website) -> int:
    return publish(website.database, website.settings, who=OPERATOR, at=website.clock()).release.number


def fetch(website: Website, number: int, secret: str | None) -> int:
    headers = {"authorization": f"API {secret}"} if secret else {}
    return httpx.get(
        f"{website.address}/releases/{number}/manifest.json", headers=headers, timeout=60
    ).status_code


def report(website: Website, secret: str, **changed: object) -> httpx.Response:
    said = {"number": 1, "dataset": "pictures-2026", "entries": 3_000_000, "removed": 1_204, **changed}
    headers = {"authorization": f"API {secret}"}
    return httpx.post(f"{website.address}/api/v1/applied", headers=headers, json=said, timeout=60)


def told(browser: Browser) -> list[str]:
    answer = browser.get(f"/api/v1/claims/{claim_of(browser)}/timeline").json()
    return [moment["words"] for moment in answer["timeline"]]


def test_one_timeline_tells_everything_in_order(website: Website, mara: Browser) -> None:
    number = published(website)
    for name in ("Example Lab", "Other Lab", "Third Lab"):
        assert fetch(website, number, key(website, Scope.READ, name)) == 200
    assert report(website, key(website, Scope.REPORT, "Reporting Lab"), number=number).status_code == 201
    count_copies(website.database, website.catalog, website.clock())
    claim = claim_of(mara)
    mara.post(f"/choices/{claim}/undo", data={"form_token": mara.token("/choices")})
    website.clock.ahead = timedelta(minutes=1)
    last = published(website)
    lines = told(mara)
    assert lines[0] == "You said it: entry 0 of the public log"
    assert f"In the published lists from no. {number} on" in lines
    assert any("fetched by 3 organisations" in line for line in lines)
    assert any(
        line.startswith(
            f"Reporting Lab says it applied list no. {number} to pictures-2026: 1,204 of 3,000,000"
        )
        for line in lines
    )
    assert any(
        re.match(r"[1-9]\d* entr(y of gallery is|ies of gallery are) covered by it", line) for line in lines
    )
    assert lines.index("You took it back") < lines.index(f"Gone from the published lists from no. {last} on")
    page = mara.get(f"/choices/{claim}").text
    assert all(line in page for line in lines)


def test_who_fetches_without_a_key_or_as_a_person_leaves_no_trace(website: Website, mara: Browser) -> None:
    number = published(website)
    assert fetch(website, number, None) == 200
    assert fetch(website, number, "byl_wrong") == 401
    assert fetch(website, number, key(website, Scope.READ)) == 200
    assert fetch(website, number, key(website, Scope.READ, "Twice")) == 200
    with website.database.transaction() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(Fetched)).scalar_one() == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"number": 999},
        {"removed": 4_000_000},
        {"entries": -1},
        {"dataset": ""},
        {"dataset": "a\nb"},
        {"more": 1},
    ],
)
def test_a_report_that_cannot_be_right_is_refused(
    website: Website, mara: Browser, changed: dict[str, object]
) -> None:
    said = {"number": published(website), **changed}
    assert report(website, key(website, Scope.REPORT), **said).status_code == 400


def test_a_report_needs_the_key_of_an_organisation_for_reports(website: Website, mara: Browser) -> None:
    number = published(website)
    assert report(website, "byl_wrong").status_code == 401
    assert report(website, key(website, Scope.READ)).status_code == 401
    secret = key(website, Scope.REPORT, "Example")
    assert [report(website, secret, number=number, removed=removed).status_code for removed in (1, 2)] == [
        201,
        201,
    ]
    assert sum("Example says" in line for line in told(mara)) == 1


def test_only_new_numbers_of_copies_are_told(website: Website, mara: Browser) -> None:
    now = website.clock()
    assert count_copies(website.database, website.catalog, now) == 1
    assert count_copies(website.database, website.catalog, now) == 0, "nothing changed"
    with website.database.transaction() as session:
        row = session.execute(sa.select(CopiesFound.claim_id, CopiesFound.copies)).one()
        for version, copies in ((b"2", row.copies), (b"3", row.copies + 5)):
            note_copies(session, row.claim_id, "gallery", version, copies, now + timedelta(days=1))
        assert session.execute(sa.select(sa.func.count()).select_from(CopiesFound)).scalar_one() == 2
    assert sum("of gallery are covered" in line for line in told(mara)) == 2


def long_claim(website: Website) -> bytes:
    """File a choice about two pages of targets and a few: links that stand nowhere, and every link of the gallery last."""
    answer = website.catalog.search(WordsQuery("harbour"), Page(limit=4))
    there = [hit.url for hit in answer.hits if hit.url is not None]
    nowhere = [f"https://many.example/{n}.jpg" for n in range(2 * TARGETS_A_PAGE)]
    with website.database.transaction() as session:
        account = account_of(session, MARA, website.clock())
        targets = tuple(url_target(link) for link in [*nowhere, *dict.fromkeys(there)])
        new = NewClaim(PRESETS["no_training"], targets)
        return file_claim(session, new, who=OPERATOR, account=account, at=website.clock()).id


def copies_found(website: Website, claim: bytes) -> list[int]:
    with website.database.transaction() as session:
        chosen = sa.select(CopiesFound.copies).where(CopiesFound.claim_id == claim).order_by(CopiesFound.id)
        return list(session.execute(chosen).scalars())


def test_a_claim_of_thousands_is_counted_page_by_page_and_a_run_goes_on_where_one_ended(
    website: Website,
) -> None:
    claim, now = long_claim(website), website.clock()
    assert 2 * TARGETS_A_PAGE > MOST_TARGETS
    assert count_copies(website.database, website.catalog, now) == 0, "that job leaves it alone"
    steps, begun = 0, None
    while steps == 0 or begun is not None:
        begun = count_long_claims(website.database, website.catalog, now, begun, watch=Stopwatch(-1.0))
        steps += 1
    assert steps == 3
    (copies,) = copies_found(website, claim)
    assert copies >= 4
    assert count_long_claims(website.database, website.catalog, now) is None, "nothing changed"


def test_the_jobs_count_a_claim_of_thousands_and_what_is_gone_meanwhile_is_left_alone(
    website: Website,
) -> None:
    claim = long_claim(website)
    with website.database.transaction() as session:
        gone = Begun(bytes(16), "gallery", bytes(32), 5, 1).to_arguments()
        defer(session, COUNT_LONG, queueing_lock=COUNT_LONG, begun=gone)
    jobs = upkeep_tasks(Settings(home=website.catalog.folder.parent), Post())
    assert run_pending(website.database, {COUNT_LONG: jobs[COUNT_LONG]}) == 1
    assert len(copies_found(website, claim)) == 1


def test_a_strangers_timeline_looks_like_none(website: Website, mara: Browser) -> None:
    noah = website.browser()
    noah.sign_in("noah@example.org")
    assert noah.get(f"/api/v1/claims/{claim_of(mara)}/timeline").status_code == 404
    assert noah.get("/api/v1/claims/nonsense/timeline").status_code == 404


def test_the_monthly_mail_comes_once_a_month_to_those_who_want_it(website: Website, mara: Browser) -> None:
    published(website)
    next_month = (website.clock().replace(day=1) + timedelta(days=40)).replace(day=3)

    def mails() -> list[str]:
        with website.database.transaction() as session:
            chosen = sa.select(OutboxMessage.body).where(
                OutboxMessage.subject == "What became of your choices"
            )
            return list(session.execute(chosen).scalars())

    assert write_monthly(website.database, Post(), next_month) == 0
    with website.database.transaction() as session:
        session.execute(sa.update(Account).where(Account.email == MARA).values(monthly_mail=True))
        account = session.execute(sa.select(Account.id).where(Account.email == MARA)).scalar_one()
        assert len(claims_of(session, account, who=OPERATOR)) == 1
    assert write_monthly(website.database, Post(), website.clock()) == 0, "she came this month"
    assert write_monthly(website.database, Post(), next_month) == 1
    assert write_monthly(website.database, Post(), next_month + timedelta(days=5)) == 0
    assert len(mails()) == 1
    assert "You have 1 choice here" in mails()[0]


def test_the_monthly_mail_is_ended_by_one_press_and_by_nobody_elses_code(
    website: Website, mara: Browser
) -> None:
    with website.database.transaction() as session:
        session.execute(sa.update(Account).where(Account.email == MARA).values(monthly_mail=True))
    named = dataclasses.replace(website.settings, allowed_hosts=("byleave.example",))
    next_month = (website.clock().replace(day=1) + timedelta(days=40)).replace(day=3)
    assert unsubscribe_links(website.settings) is None, "nobody else reaches this machine by its name"
    assert write_monthly(website.database, Post(), next_month, links=unsubscribe_links(named)) == 1
    with website.database.transaction() as session:
        chosen = sa.select(OutboxMessage).where(OutboxMessage.unsubscribe.is_not(None))
        letter = session.execute(chosen).scalar_one()
        link = letter.unsubscribe
        assert link is not None
        assert link in letter.body
    assert link.startswith("https://byleave.example/unsubscribe?code=")
    path = link.removeprefix("https://byleave.example")

    def is_wanted() -> bool:
        with website.database.transaction() as session:
            return session.execute(sa.select(Account.monthly_mail).where(Account.email == MARA)).scalar_one()

    def press(path: str) -> int:
        """Send what a mail program sends: from no page, with no cookie."""
        said = {"List-Unsubscribe": "One-Click"}
        return httpx.post(website.address + path, data=said, timeout=30).status_code

    assert press(path[:-1] + "x") == 404
    assert press("/unsubscribe?code=nothing") == 404
    assert "End this mail" in mara.get(path).text
    assert is_wanted(), "opening the page ends nothing"
    assert press(path) == 200
    assert not is_wanted()
    assert "You get it no more" in mara.post(f"{path}&page=yes").text
