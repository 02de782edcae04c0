"""Many choices at once, by page and by a program: one answer, one event for each, all or none."""

from __future__ import annotations

import re
import uuid

import httpx
import pytest
import sqlalchemy as sa
from tests.website import Browser, Website

from byleave.registry.account_tables import Account
from byleave.registry.permissions import OPERATOR
from byleave.registry.tables import ClaimEventRow, ClaimRow
from byleave.registry.tokens import Scope, create_token
from byleave.release.receipts import Receipt

pytestmark = pytest.mark.functional

API = "/api/v1/partner/claims"
NO = {"train_gen": "deny", "train_other": "deny"}


def with_choices(website: Website, *links: str, answer: str = "no_training") -> tuple[Browser, str]:
    """Return a browser of somebody who made one choice for each link, and the token of her forms."""
    mara = website.browser()
    mara.sign_in("mara@example.org")
    token = mara.token("/choices/new?link=a.example")
    made = mara.post("/choices", data={"form_token": token, "link": " ".join(links), "answer": answer})
    assert made.status_code == 200, made.text
    return mara, token


def claims_on(page: str) -> list[str]:
    return re.findall(r'name="claim" value="([0-9a-f]+)"', page)


def stored(website: Website) -> dict[str, tuple[str, int, int]]:
    """Return of each claim its state, its answer about training and how many events it has."""
    counted = (
        sa.select(sa.func.count()).where(ClaimEventRow.claim_id == ClaimRow.id).correlate(ClaimRow)
    ).scalar_subquery()
    with website.database.transaction() as session:
        rows = session.execute(sa.select(ClaimRow.id, ClaimRow.state, ClaimRow.train_gen, counted))
        return {row[0].hex(): (row[1], row[2], row[3]) for row in rows}


def links(count: int) -> list[str]:
    return [f"https://mara.example/{number}.jpg" for number in range(count)]


def test_what_is_ticked_is_answered_differently_and_the_rest_stays(website: Website) -> None:
    mara, token = with_choices(website, *links(3))
    page = mara.get("/choices/many").text
    first, second, third = claims_on(page)
    assert "3 choices" in page
    assert mara.post("/choices/many", data={"form_token": token, "answer": "no_ai"}).status_code == 400
    said = {
        "form_token": token,
        "claim": [first, second],
        "answer": "ask_first",
        "contact": "ask@mara.example",
    }
    done = mara.post("/choices/many", data={**said, "do": "answer"})
    assert "2 choices are changed" in done.text
    now = stored(website)
    assert [now[one][2] for one in (first, second, third)] == [2, 2, 1]
    assert now[first][1] == now[second][1] != now[third][1]
    Receipt.parse(mara.get(f"/choices/{first}/receipt").content)


def test_all_that_a_filter_leaves_are_answered_and_undone(website: Website) -> None:
    mara, token = with_choices(website, *links(2))
    with_choices(website, "https://mara.example/yes.jpg", answer="yes")
    assert len(claims_on(mara.get("/choices/many").text)) == 3
    page = mara.get("/choices/many?of_answer=no_training&of_state=effective").text
    assert len(claims_on(page)) == 2
    chosen = {"form_token": token, "all": "yes", "of_answer": "no_training"}
    assert "2 choices are changed" in mara.post("/choices/many", data={**chosen, "answer": "no_ai"}).text
    assert "None of your choices" in mara.get("/choices/many?of_answer=no_training").text
    undo = {"form_token": token, "all": "yes", "of_answer": "no_ai", "do": "undo"}
    assert mara.post("/choices/many", data=undo).status_code == 400, "she did not say that she is sure"
    assert "2 choices are undone" in mara.post("/choices/many", data={**undo, "sure": "yes"}).text
    assert sorted(state for state, _, _ in stored(website).values()) == ["filed", "withdrawn", "withdrawn"]


def test_one_that_cannot_be_changed_leaves_all_as_they_were(website: Website) -> None:
    mara, token = with_choices(website, *links(2))
    with_choices(website, "https://mara.example/yes.jpg", answer="yes")
    before = stored(website)
    all_of_them = {"form_token": token, "all": "yes", "answer": "no_ai"}
    refused = mara.post("/choices/many", data=all_of_them)
    assert refused.status_code == 400
    assert "another act in law" in refused.text
    assert mara.get("/choices/many?of_answer=maybe").status_code == 400
    assert stored(website) == before


def test_nobody_changes_choices_of_somebody_else_among_her_own(website: Website) -> None:
    mara, _ = with_choices(website, *links(1))
    (hers,) = claims_on(mara.get("/choices/many").text)
    ada = website.browser()
    ada.sign_in("ada@example.org")
    token = ada.token("/choices/new?link=a.example")
    ada.post("/choices", data={"form_token": token, "link": "https://ada.example/1.jpg"})
    (own,) = claims_on(ada.get("/choices/many").text)
    before = stored(website)
    said = {"form_token": token, "claim": [own, hers], "answer": "no_ai"}
    assert ada.post("/choices/many", data=said).status_code == 404
    assert stored(website) == before


def test_a_program_answers_many_claims_differently_each_with_its_receipt(website: Website) -> None:
    now = website.clock()
    with website.database.transaction() as session:
        agency = Account(id=uuid.uuid4(), kind="organisation", email=None, name="Agency", created_at=now)
        session.add(agency)
        session.flush()
        made = create_token(session, "k", who=OPERATOR, at=now, scope=Scope.FILE, account=agency.id)

    def post(path: str, body: object) -> httpx.Response:
        sent = {"authorization": f"API {made.key}"}
        return httpx.post(website.address + API + path, json=body, headers=sent, timeout=60)

    def target(link: str) -> list[dict[str, str]]:
        return [{"kind": "url", "value": link}]

    claims = [post("", {"targets": target(link), "preferences": NO}).json()["claim"] for link in links(3)]
    done = post("/answer", {"claims": [*claims, claims[0]], "preferences": {"tdm": "conditional"}})
    assert done.status_code == 200, done.text
    answered = done.json()["claims"]
    assert [one["claim"] for one in answered] == claims
    assert {one["preferences"]["tdm"] for one in answered} == {"conditional"}
    for one in answered:
        assert Receipt.parse(one["receipt"].encode()).event.operation == "update"
    stranger = post("/answer", {"claims": [claims[0], "00" * 16], "preferences": NO})
    assert stranger.status_code == 404
    assert post("/answer", {"claims": claims, "preferences": {"tdm": "allow"}}).status_code == 400
    assert {events for _, _, events in stored(website).values()} == {2}
    assert len(post("/withdraw", {"claims": claims}).json()["claims"]) == 3
