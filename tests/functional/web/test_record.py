"""The public record on the site: numbers, feed, log files, and the page that checks receipts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from defusedxml.ElementTree import fromstring
from tests.logs import witness_key
from tests.website import Website

from byleave.consent import PRESETS, Evidence
from byleave.log import TileAt, hash_reader, open_checkpoint, tree_root
from byleave.publish import doctor, publish
from byleave.publish.keys import known_keys
from byleave.publish.receipts import Acknowledged, file_all_with_receipts
from byleave.registry.accounts import account_of
from byleave.registry.changing import withdraw_claim
from byleave.registry.filing import Filing, NewClaim
from byleave.registry.permissions import OPERATOR
from byleave.registry.tables import ClaimRow
from byleave.registry.targets import url_target
from byleave.release.keys import verify_ed25519

pytestmark = pytest.mark.functional
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"


def file_many(website: Website, count: int, *, at: datetime = NOON) -> tuple[Acknowledged, ...]:
    with website.database.transaction() as session:
        account = account_of(session, "ann@example.org", at)
    filings = [
        Filing(
            NewClaim(PRESETS["no_training"], (url_target(f"https://a.example/{n}"),)), account, Evidence.E0
        )
        for n in range(count)
    ]
    return file_all_with_receipts(website.database, website.settings, filings, who=OPERATOR, at=at)


def test_the_page_shows_numbers_head_key_and_three_commands(website: Website) -> None:
    file_many(website, 3)
    release = publish(website.database, website.settings, who=OPERATOR, at=NOON).release
    page = website.browser().get("/registry").text
    assert "<dt>Choices in force</dt><dd>3</dd>" in page
    assert release.manifest_digest.hex() in page
    assert website.settings.origin in page
    (key,) = known_keys(website.settings)
    assert str(key).replace("+", "&#43;") in page or str(key) in page
    assert page.count("byleave sync") == 1
    assert page.count("byleave verify") == 2
    assert LATE not in page


def test_every_choice_is_in_one_number_and_those_that_ran_out_have_their_own(website: Website) -> None:
    first, second, third, _ = (one.claim.id for one in file_many(website, 4))
    with website.database.transaction() as session:
        for claim in (first, second):
            session.execute(sa.update(ClaimRow).where(ClaimRow.id == claim).values(expires_at=NOON))
        withdraw_claim(session, second, who=OPERATOR, at=NOON)
        session.execute(sa.update(ClaimRow).where(ClaimRow.id == third).values(state="expired"))
    page = website.browser().get("/registry").text
    assert "<dt>Choices in force</dt><dd>1</dd>" in page
    assert "<dt>Taken back, turned down or erased</dt><dd>1</dd>" in page
    assert "<dt>Run out on the day they named</dt><dd>2</dd>" in page


def test_an_empty_registry_has_a_page_too(website: Website) -> None:
    page = website.browser().get("/registry").text
    assert "It has no entry yet." in page
    assert website.browser().get("/log/checkpoint").status_code == 404


LATE = "The published list is late."
PAGES = (
    "/",
    "/datasets",
    "/about",
    "/list",
    "/registry",
    "/verify",
    "/sign-in",
    "/choices/new?link=a.example/1",
    "/nothing",
)


def test_a_missed_list_is_told_on_every_page_until_it_is_published(website: Website) -> None:
    browser = website.browser()
    file_many(website, 1)
    for path in PAGES:
        assert browser.get(path).text.count(LATE) == 1, path
    publish(website.database, website.settings, who=OPERATOR, at=NOON)
    website.clock.ahead += timedelta(minutes=1)
    for path in PAGES:
        assert LATE not in browser.get(path).text, path
    file_many(website, 1, at=website.clock() - timedelta(hours=23))
    website.clock.ahead += timedelta(minutes=1)
    assert LATE not in browser.get("/about").text
    website.clock.ahead += timedelta(hours=2)
    assert LATE in browser.get("/about").text


def test_pages_ask_the_database_once_a_minute_whether_a_list_is_late(website: Website) -> None:
    browser = website.browser()
    asked: list[str] = []

    def remember(*said: object) -> None:
        asked.append(str(said[2]))

    sa.event.listen(website.database.engine, "before_cursor_execute", remember)
    try:
        for _ in range(5):
            page = browser.get("/about").text
            for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
                assert browser.get(asset).status_code == 200
    finally:
        sa.event.remove(website.database.engine, "before_cursor_execute", remember)
    assert sum("event_counter" in statement for statement in asked) == 1


def test_a_page_stays_up_where_lateness_cannot_be_known(website: Website) -> None:
    with website.database.transaction() as session:
        session.execute(sa.text("ALTER TABLE event_counter RENAME TO hidden"))
    try:
        assert website.browser().get("/about").status_code == 200
    finally:
        with website.database.transaction() as session:
            session.execute(sa.text("ALTER TABLE hidden RENAME TO event_counter"))


def test_the_feed_is_atom_with_every_required_element(website: Website) -> None:
    for number in range(3):
        file_many(website, 1, at=NOON + timedelta(hours=number))
        publish(website.database, website.settings, who=OPERATOR, at=NOON + timedelta(hours=number))
    answer = website.browser().get("/registry/releases.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = fromstring(answer.content)
    assert feed.tag == f"{ATOM}feed"
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == 3
    for element in (feed, *entries):
        for name in ("id", "title", "updated"):
            (found,) = element.findall(f"{ATOM}{name}")
            assert found.text
        assert datetime.fromisoformat(element.findtext(f"{ATOM}updated", "")).tzinfo is not None
        relations = [link.get("rel") for link in element.findall(f"{ATOM}link")]
        assert relations.count("alternate") == 1
    assert feed.find(f"{ATOM}author/{ATOM}name") is not None
    ids = [entry.findtext(f"{ATOM}id", "") for entry in entries]
    assert len(set(ids)) == 3
    assert all(one.startswith("tag:") for one in ids)
    assert feed.findtext(f"{ATOM}updated") == entries[0].findtext(f"{ATOM}updated")
    links = [link.get("href", "") for link in feed.findall(f".//{ATOM}link")]
    browser = website.browser()
    assert all(browser.http.get(link).status_code == 200 for link in links)


def test_an_empty_feed_is_a_feed(website: Website) -> None:
    feed = fromstring(website.browser().get("/registry/releases.atom").content)
    assert feed.findtext(f"{ATOM}updated")
    assert feed.findall(f"{ATOM}entry") == []


def test_the_log_is_served_as_it_is_and_kept_as_long_as_it_may_be(website: Website) -> None:
    file_many(website, 300)
    browser = website.browser()
    head = browser.get("/log/checkpoint")
    assert head.headers["cache-control"] == "public, max-age=5"
    checkpoint, _ = open_checkpoint(head.text, known_keys(website.settings), verify_ed25519)
    assert checkpoint.size == 300

    def read(place: TileAt) -> bytes:
        answer = browser.get(f"/log/{place.path}")
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["access-control-allow-origin"] == "*"
        assert len(answer.content) == place.width * 32
        return answer.content

    assert tree_root(300, hash_reader(300, read)) == checkpoint.root
    # A monitor that saw the log at an earlier size asks for tiles that wider ones have replaced since.
    whole = browser.get("/log/tile/0/000").content
    assert browser.get("/log/tile/0/000.p/7").content == whole[: 7 * 32]
    bundle = browser.get("/log/tile/entries/000.p/2").content
    assert browser.get("/log/tile/entries/000").content.startswith(bundle)
    tag = head.headers["etag"]
    assert browser.http.get("/log/checkpoint", headers={"if-none-match": tag}).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/001",
        "tile/9/000",
        "tile/0/000.p/0",
        "tile/0/000.p/300",
        "tile/0/../checkpoint",
        "../keys/registry.key",
        "%2e%2e/keys/registry.key",
        "tile/entries/%2e%2e/%2e%2e/checkpoint",
        ".lock",
        "",
        "tile/0/" + "9" * 400,
    ],
)
def test_nothing_else_of_the_folder_is_served(website: Website, path: str) -> None:
    file_many(website, 2)
    assert website.browser().http.get(f"/log/{path}").status_code == 404


def test_the_verify_page_names_the_keys_and_works_by_its_own_module(website: Website) -> None:
    page = website.browser().get("/verify").text
    assert "verify.js" in page
    assert website.settings.origin in page
    assert "<form" in page
    assert 'method="post"' not in page.partition('id="verify"')[2], "the receipt is not sent anywhere"


def test_the_operator_s_policy_is_handed_out_while_it_can_be_used(website: Website) -> None:
    browser = website.browser()
    assert browser.http.get("/log/policy").status_code == 404
    (key,) = known_keys(website.settings)
    policy = f"log {key}\nwitness ann {witness_key('ann.example')}\nquorum none\n"
    file = website.settings.home / "tlog.policy"
    file.write_text(policy)
    assert browser.get("/log/policy").text == policy
    assert "witness ann ann.example" in browser.get("/verify").text
    assert states(website)["witness policy"] == "ok"
    file.write_text("quorum none\n")
    assert browser.http.get("/log/policy").status_code == 404
    assert "quorum none" not in browser.get("/verify").text
    assert states(website)["witness policy"] == "broken"


def states(website: Website) -> dict[str, str]:
    return {one.name: one.state for one in doctor.check(website.settings, website.clock())}
