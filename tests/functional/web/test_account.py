"""A person's own page, and organisations by page: links and forms alone."""

from __future__ import annotations

import io
import re
import uuid
import zipfile
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from tests.website import Browser, Website

from byleave.log import Policy
from byleave.publish.keys import known_keys
from byleave.registry.account_tables import Account, AuditEventRow, Membership, TokenRow
from byleave.registry.accounts import find_account
from byleave.release.receipts import Receipt

pytestmark = pytest.mark.functional

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture
def ada(website: Website) -> Browser:
    return signed_in(website, "ada@example.org")


@pytest.fixture
def bo(website: Website) -> Browser:
    return signed_in(website, "bo@example.org")


def signed_in(website: Website, email: str) -> Browser:
    browser = website.browser()
    browser.sign_in(email)
    return browser


def send(browser: Browser, path: str, **fields: str) -> httpx.Response:
    return browser.post(path, data={"form_token": browser.token("/account"), **fields})


def organisation(browser: Browser, name: str = "Kestrel Agency") -> str:
    """Make an organisation and return its number."""
    page = send(browser, "/organisations", name=name)
    assert page.status_code == 200, page.text
    found = re.search(UUID, str(page.url))
    assert found
    return found.group()


def invite(website: Website, admin: Browser, number: str, email: str, role: str) -> str:
    """Invite somebody and return the link in her mail."""
    page = send(admin, f"/organisations/{number}/invitations", email=email, role=role)
    assert "The invitation is on its way" in page.text, page.text
    found = re.search(r'href="(http[^"]+/invitation\?code=[^"]+)"', admin.get("/outbox").text)
    assert found
    return found.group(1)


def join(browser: Browser, link: str) -> httpx.Response:
    browser.get(link)
    return send(browser, "/invitation", code=link.partition("code=")[2])


def choose(browser: Browser, link: str) -> httpx.Response:
    """Say no to a link, for whomever the browser acts for."""
    return send(browser, "/choices", link=link, answer="no_training")


def test_the_account_is_for_whoever_signed_in_and_says_that_no_papers_are_asked_for(
    website: Website, ada: Browser
) -> None:
    assert "Send me a link" in website.browser().get("/account").text
    page = ada.get("/account").text
    assert "ada@example.org" in page
    assert "We never ask for your legal name, and never for an identity card" in page
    assert "Nobody but you." in page


def test_a_name_and_a_monthly_mail_are_kept_and_taken_back(ada: Browser) -> None:
    page = send(ada, "/account/profile", name="  Ada   of the Kestrels ", monthly_mail="yes").text
    assert 'value="Ada of the Kestrels"' in page
    assert 'name="monthly_mail" value="yes" checked' in page
    page = send(ada, "/account/profile", name="").text
    assert "Kestrels" not in page
    assert "checked" not in page
    assert send(ada, "/account/profile", name="x" * 81).status_code == 400
    assert send(ada, "/account/profile", name="a\x00b").status_code == 400


def test_a_key_is_shown_once_and_revoked(website: Website, ada: Browser) -> None:
    page = send(ada, "/account/keys", name="my-shop", scope="file", until="2099-12-31").text
    found = re.search(r"<code>(byl_[A-Za-z0-9_-]+)</code>", page)
    assert found
    key = found.group(1)
    sent = {"authorization": f"API {key}"}
    looked_up = ada.http.post("/api/v1/lookup/urls", headers=sent, json={"urls": ["https://a.example/"]})
    assert looked_up.status_code == 401, "it is for something else"
    again = ada.get("/account").text
    assert key not in again
    assert "my-shop" in again
    assert "works until 31 December 2099" in again
    with website.database.transaction() as session:
        assert key not in str(session.execute(sa.text("SELECT tokens::text FROM tokens")).scalars().all())
    assert "revoked" in send(ada, "/account/keys/revoke", name="my-shop").text
    assert send(ada, "/account/keys", name="x", scope="lookup").status_code == 400
    assert send(ada, "/account/keys", name="x", scope="report").status_code == 400
    assert send(ada, "/account/keys", name="x", scope="file", until="tomorrow").status_code == 400


def test_nobody_revokes_a_key_of_somebody_else(website: Website, ada: Browser, bo: Browser) -> None:
    send(ada, "/account/keys", name="my-shop", scope="read")
    assert send(bo, "/account/keys/revoke", name="my-shop").status_code == 404
    with website.database.transaction() as session:
        assert session.execute(sa.select(TokenRow.revoked_at)).scalar_one() is None


def test_signing_out_everywhere_ends_every_session(website: Website, ada: Browser) -> None:
    elsewhere = signed_in(website, "ada@example.org")
    assert "Your account" in elsewhere.get("/account").text
    send(ada, "/account/sign-out-everywhere")
    for browser in (ada, elsewhere):
        assert "Send me a link" in browser.get("/account").text


def test_an_invitation_is_for_its_address_and_works_once(website: Website, ada: Browser, bo: Browser) -> None:
    number = organisation(ada)
    link = invite(website, ada, number, "Bo@Example.org", "filer")
    cy = signed_in(website, "cy@example.org")
    assert "It was sent to another address" in cy.get(link).text
    assert join(cy, link).status_code == 403
    assert "Kestrel Agency invites you" in bo.get(link).text, "looking accepts nothing"
    assert "you are a member now" in join(bo, link).text
    assert join(bo, link).status_code == 404
    assert "bo@example.org" in ada.get(f"/organisations/{number}").text
    members = bo.get(f"/organisations/{number}").text
    assert "ada@example.org" not in members, "addresses are for admins"
    assert "Invite somebody" not in members


def test_an_invitation_ends_after_seven_days_or_when_it_is_taken_back(
    website: Website, ada: Browser, bo: Browser
) -> None:
    number = organisation(ada)
    link = invite(website, ada, number, "bo@example.org", "viewer")
    found = re.search(r'name="invitation" value="([0-9a-f]{64})"', ada.get(f"/organisations/{number}").text)
    assert found
    assert (
        "taken back"
        in send(ada, f"/organisations/{number}/invitations/withdraw", invitation=found.group(1)).text
    )
    assert join(bo, link).status_code == 404
    link = invite(website, ada, number, "bo@example.org", "viewer")
    website.clock.ahead = timedelta(days=7, minutes=1)
    assert join(bo, link).status_code == 404


def test_only_an_admin_changes_who_is_in_it_and_one_always_stays(
    website: Website, ada: Browser, bo: Browser
) -> None:
    number = organisation(ada)
    join(bo, invite(website, ada, number, "bo@example.org", "filer"))
    ids = dict(website_members(website, number))
    home = f"/organisations/{number}"
    for path, fields in (
        (f"{home}/invitations", {"email": "x@example.org", "role": "admin"}),
        (f"{home}/members/{ids['bo@example.org']}/role", {"role": "admin"}),
        (f"{home}/members/{ids['ada@example.org']}/remove", {}),
        (f"{home}/name", {"name": "Ours now"}),
        (f"{home}/keys", {"name": "k", "scope": "file"}),
    ):
        assert send(bo, path, **fields).status_code == 403
    assert send(ada, f"{home}/leave").status_code == 409
    assert send(ada, f"{home}/members/{ids['ada@example.org']}/role", role="viewer").status_code == 409
    assert send(ada, f"{home}/members/{ids['bo@example.org']}/role", role="admin").status_code == 200
    assert "You left the organisation" in send(ada, f"{home}/leave").text
    assert send(ada, f"{home}/name", name="Mine").status_code == 403
    assert "Members" not in ada.get(home).text


def website_members(website: Website, number: str) -> list[tuple[str, uuid.UUID]]:
    members = sa.select(Account.email, Account.id).join(Membership, Membership.person_id == Account.id)
    with website.database.transaction() as session:
        return [(email or "", person) for email, person in session.execute(members)]


def test_a_member_acts_for_the_organisation_and_the_choice_remembers_who_it_was(
    website: Website, ada: Browser
) -> None:
    number = organisation(ada)
    send(ada, "/account/acting", account=number)
    page = choose(ada, "https://agency.example/one.jpg").text
    assert "agency.example/one.jpg" in page
    assert f'value="{number}" selected' in page
    with website.database.transaction() as session:
        row = session.execute(sa.text("SELECT account_id, filed_by FROM claims")).one()
        person = find_account(session, "ada@example.org")
    assert (str(row.account_id), row.filed_by) == (number, person)
    (choice,) = set(re.findall(r'href="(/choices/[0-9a-f]{32})"', page))
    assert "Somebody who acts for you said it: entry" in ada.get(choice).text
    send(ada, "/account/acting", account="")
    assert "agency.example/one.jpg" not in ada.get("/choices").text


def test_an_organisation_is_asked_whose_work_it_is_and_a_person_is_not(ada: Browser) -> None:
    number = organisation(ada)
    assert 'name="about"' not in ada.get("/choices/list").text
    send(ada, "/account/acting", account=number)
    assert "Whose work it is" in ada.get("/choices/list").text


def test_whose_work_it_is_survives_the_one_step_form_and_stays_out_of_it_for_a_person(
    website: Website, ada: Browser
) -> None:
    number = organisation(ada)
    form = "/choices/new?link=https://agency.example/one.jpg&about=Bo+Kestrel"
    assert 'name="about"' not in ada.get(form).text
    send(ada, "/account/acting", account=number)
    assert 'name="about" value="Bo Kestrel"' in ada.get(form).text
    send(ada, "/choices", link="https://agency.example/one.jpg", answer="no_training", about="Bo Kestrel")
    with website.database.transaction() as session:
        assert session.execute(sa.text("SELECT about FROM claims")).scalars().all() == ["Bo Kestrel"]


def test_an_admin_closes_an_organisation_with_all_that_it_said(
    website: Website, ada: Browser, bo: Browser
) -> None:
    number = organisation(ada)
    join(bo, invite(website, ada, number, "bo@example.org", "filer"))
    send(ada, f"/organisations/{number}/keys", name="shop", scope="file")
    send(bo, f"/account/agents/{number}")
    send(bo, "/account/acting", account=number)
    for link in ("https://agency.example/one.jpg", "https://agency.example/two.jpg"):
        choose(bo, link)
    assert send(bo, f"/organisations/{number}/close", sure="yes").status_code == 403
    assert bo.get(f"/organisations/{number}/export").status_code == 403, "a filer is no admin"
    assert f'href="/organisations/{number}/export"' in ada.get(f"/organisations/{number}").text
    with zipfile.ZipFile(io.BytesIO(ada.get(f"/organisations/{number}/export").content)) as along:
        receipts = [along.read(name) for name in along.namelist() if name.startswith("receipts/")]
    assert len(receipts) == 2
    for receipt in receipts:
        Receipt.parse(receipt).verify(Policy.of_keys(known_keys(website.settings)))
    assert "The organisation is closed" in send(ada, f"/organisations/{number}/close", sure="yes").text
    with website.database.transaction() as session:
        claims = session.execute(
            sa.text(
                "SELECT c.state, e.operation FROM claims c JOIN claim_events e ON e.number = c.last_event"
            )
        )
        assert [tuple(row) for row in claims] == [("withdrawn", "withdraw")] * 2
        assert all(session.execute(sa.select(TokenRow.revoked_at)).scalars())
        assert session.execute(sa.text("SELECT count(*) FROM memberships")).scalar_one() == 0
    assert "agency.example" not in bo.get("/choices").text, "he acts for himself again"
    assert "Nobody but you." in bo.get("/account").text
    assert ada.get(f"/organisations/{number}").status_code == 404
    assert ada.get(f"/organisations/{number}/export").status_code == 403
    assert send(ada, f"/account/agents/{number}").status_code == 404


def test_a_form_loaded_before_the_switch_files_nothing_after_it(website: Website, ada: Browser) -> None:
    number = organisation(ada)
    stale = ada.token("/account")
    send(ada, "/account/acting", account=number)
    fields = {"form_token": stale, "link": "https://ada.example/mine.jpg", "answer": "no_training"}
    assert ada.post("/choices", data=fields).status_code == 403
    assert "mine.jpg" not in ada.get("/choices").text


def test_a_viewer_sees_and_changes_nothing(website: Website, ada: Browser, bo: Browser) -> None:
    number = organisation(ada)
    join(bo, invite(website, ada, number, "bo@example.org", "viewer"))
    send(ada, "/account/acting", account=number)
    choose(ada, "https://agency.example/one.jpg")
    send(bo, "/account/acting", account=number)
    assert "agency.example/one.jpg" in bo.get("/choices").text
    assert choose(bo, "https://agency.example/two.jpg").status_code == 403
    told = bo.get("/choices/new?link=https://agency.example/one.jpg").text
    assert "You see the choices of" in told
    assert "Make this choice" not in told
    assert "See its choices" in bo.get(f"/organisations/{number}").text


def test_an_artist_lets_an_organisation_act_and_ends_it_in_one_step(
    website: Website, ada: Browser, bo: Browser
) -> None:
    number = organisation(ada)
    found = send(bo, "/account/agents/find", organisation=f"https://somewhere.example/organisations/{number}")
    assert "Let Kestrel Agency act for me" in found.text
    send(bo, f"/account/agents/{number}")
    send(bo, "/account/profile", name="Bo Kestrel")
    (artist,) = re.findall(
        rf'name="account" value="({UUID})">\s*<button>Act for<', ada.get(f"/organisations/{number}").text
    )
    assert "bo@example.org" not in ada.get(f"/organisations/{number}").text
    send(ada, "/account/acting", account=artist)
    assert "one.jpg" in choose(ada, "https://bo.example/one.jpg").text
    assert "bo.example/one.jpg" in bo.get("/choices").text, "it is hers"
    assert "Nobody but you." in send(bo, f"/account/agents/{number}/end").text
    assert choose(ada, "https://bo.example/two.jpg").status_code == 403
    refused = ada.get("/choices")
    assert refused.status_code == 403
    assert "somebody who does not let you any more" in refused.text
    send(ada, "/account/acting", account="")
    assert "bo.example" not in ada.get("/choices").text
    assert "one.jpg" in bo.get("/choices").text, "what was filed for her stays hers"


def test_nobody_acts_for_an_artist_who_did_not_let_them(website: Website, ada: Browser, bo: Browser) -> None:
    organisation(ada)
    with website.database.transaction() as session:
        artist = find_account(session, "bo@example.org")
    assert send(ada, "/account/acting", account=str(artist)).status_code == 403
    assert send(ada, "/account/acting", account=str(uuid.uuid4())).status_code == 403
    assert send(ada, "/account/acting", account="nobody").status_code == 400
    assert send(ada, "/account/agents/find", organisation="no number").status_code == 400
    assert send(ada, f"/account/agents/{uuid.uuid4()}").status_code == 404
    assert ada.get(f"/organisations/{uuid.uuid4()}").status_code == 404


def test_what_is_done_is_written_down_without_a_name_or_an_address(
    website: Website, ada: Browser, bo: Browser
) -> None:
    number = organisation(ada, "Very Secret Agency")
    join(bo, invite(website, ada, number, "bo@example.org", "filer"))
    send(bo, f"/account/agents/{number}")
    send(ada, f"/organisations/{number}/keys", name="secret-shop", scope="report")
    with website.database.transaction() as session:
        kinds = session.execute(sa.select(AuditEventRow.kind).order_by(AuditEventRow.id)).scalars().all()
        text = str(session.execute(sa.text("SELECT audit_events::text FROM audit_events")).scalars().all())
    assert kinds == [
        "organisation_made",
        "member_invited",
        "member_joined",
        "delegation_granted",
        "token_made",
    ]
    for secret in ("Secret", "secret-shop", "@", "example.org"):
        assert secret not in text
