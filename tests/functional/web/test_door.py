"""One door: what somebody is and has becomes one draft, and the draft becomes claims; without JavaScript, through signing in."""

from __future__ import annotations

import re

import pytest
from tests.website import Browser, Website, link_of

from byleave.consent import ClaimState, LegalAct, Preference, TargetKind
from byleave.registry.claims import Claim, all_claims
from byleave.registry.permissions import OPERATOR
from byleave.release.receipts import Receipt

pytestmark = pytest.mark.functional

LONG = f"https://{'a' * 64}.example/"


def claims(website: Website) -> list[Claim]:
    with website.database.transaction() as session:
        return list(all_claims(session, who=OPERATOR))


def start(browser: Browser, *places: str, name: str = "") -> tuple[str, str]:
    fields = {"form_token": browser.token("/choices/start"), "name": name, "places": "\n".join(places)}
    answer = browser.post("/choices/start", data=fields)
    found = re.search(r"/choices/draft/[0-9a-f-]{36}", str(answer.url))
    assert found, answer.text
    return found.group(0), answer.text


def test_what_was_begun_lasts_through_signing_in_and_becomes_one_claim(website: Website) -> None:
    browser = website.browser()
    draft, page = start(browser, link_of("harbour-0"), "https://studio.example/mine.jpg", name="Ada")
    assert "2 links" in page
    assert "1 entry</strong> of gallery" in page
    assert "For Ada" in page
    fields = {"form_token": browser.token(draft), "answer": "no_ai", "contact": "ada@example.org"}
    sign_in = browser.post(f"{draft}/keep", data=fields)
    assert f'name="next" value="{draft}"' in sign_in.text
    back = browser.sign_in("ada@example.org", next_path=draft)
    assert 'value="no_ai" checked' in back.text
    done = browser.post(f"{draft}/file", data={**fields, "form_token": browser.token(draft)})
    assert "1 choice is made" in done.text
    (claim,) = claims(website)
    assert claim.act is LegalAct.RESERVATION
    assert {target.value for target in claim.targets} == {
        "studio.example/harbour-0.jpg",
        "studio.example/mine.jpg",
    }
    assert claim.contact == "ada@example.org"
    as_browsers = {"accept": "text/html"}
    again = browser.post(f"{draft}/file", data={**fields, "form_token": browser.token()}, headers=as_browsers)
    for shown in (again, browser.http.get(draft, headers=as_browsers)):
        assert "That choice was made already, and nothing was made twice" in shown.text
    assert browser.post(f"{draft}/file", data={**fields, "form_token": browser.token()}).status_code == 409
    assert len(claims(website)) == 1
    Receipt.parse(browser.get(f"/choices/{claim.id.hex()}/receipt").content)
    told = " ".join(browser.get(f"/choices/{claim.id.hex()}").text.split())
    assert "<dt>Evidence</dt><dd>not confirmed</dd>" in told
    assert f"<dt>Newest entry in the public log</dt><dd>no. {claim.number - 1}</dd>" in told


def test_one_line_that_is_no_link_is_told_and_the_others_are_taken(website: Website) -> None:
    _, page = start(
        website.browser(),
        "https://studio.example/mine.jpg",
        "my portfolio 🖼️",
        LONG,
        "studio.example/other.jpg",
    )
    assert "2 links" in page
    assert "my portfolio 🖼️:" in page
    assert "Write a whole http or https link" in page
    assert f"{LONG[:40]}" in page
    assert page.count("is not a link") == 2
    assert "No copy and no link of it stands there today" in page


def test_an_address_that_no_page_has_is_said_so_in_plain_words(website: Website) -> None:
    page = website.browser().get("/choices/draft/nothing")
    assert (page.status_code, "There is no such page" in page.text) == (404, True)
    assert "openapi" not in page.text


def test_a_session_that_ran_out_in_the_middle_of_a_form_leads_back_to_its_page(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    draft, _ = start(browser, "https://studio.example/mine.jpg")
    fields = {"form_token": browser.token(draft), "answer": "no_ai"}
    browser.http.cookies.delete("byleave_session")
    page = browser.post(f"{draft}/file", data=fields, headers={"referer": f"{browser.address}{draft}"})
    assert f'name="next" value="{draft}"' in page.text
    assert "mine.jpg" in browser.sign_in("ada@example.org", next_path=draft).text


def test_the_same_choice_sent_twice_is_made_once_and_made_again_after_another(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    fields = {"form_token": browser.token(), "link": "https://studio.example/mine.jpg"}
    made = []
    for answer in ("no_training", "no_training", "no_ai", "no_training"):
        page = browser.post("/choices", data={**fields, "answer": answer}, headers={"accept": "text/html"})
        made.append("That choice was made already" in page.text)
        assert page.status_code == 200
    assert made == [False, True, False, False]
    assert len(claims(website)) == 3


def test_a_page_beyond_the_last_shows_the_last(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    draft, _ = start(browser, "https://studio.example/mine.jpg")
    browser.post(f"{draft}/file", data={"form_token": browser.token(draft), "answer": "no_ai"})
    for page in ("/choices?page=999", "/choices/many?page=999"):
        assert "studio.example/mine.jpg" in browser.get(page).text, page


def test_a_no_and_a_yes_are_two_acts_and_two_claims(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    draft, _ = start(browser, "https://studio.example/mine.jpg")
    fields = {
        "form_token": browser.token(draft),
        "answer": "mix",
        "train_gen": "deny",
        "search": "allow",
        "licence": "https://studio.example/licence",
        "expires": "2090-12-31",
    }
    browser.post(f"{draft}/file", data=fields)
    by_act = {claim.act: claim for claim in claims(website)}
    assert set(by_act) == {LegalAct.RESERVATION, LegalAct.LICENCE}
    reservation, licence = by_act[LegalAct.RESERVATION].preferences, by_act[LegalAct.LICENCE].preferences
    assert (reservation.train_gen, reservation.search) == (Preference.DENY, Preference.UNKNOWN)
    assert (licence.train_gen, licence.search) == (Preference.UNKNOWN, Preference.ALLOW)
    assert by_act[LegalAct.LICENCE].licence == "https://studio.example/licence"
    assert by_act[LegalAct.LICENCE].expires_at is not None


def test_an_objection_is_a_no_about_oneself(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    draft, _ = start(browser, "https://studio.example/mine.jpg")
    fields = {"form_token": browser.token(draft), "answer": "yes", "act": "objection"}
    refused = browser.post(f"{draft}/file", data=fields)
    assert refused.status_code == 400
    browser.post(f"{draft}/file", data={**fields, "answer": "no_ai"})
    (claim,) = claims(website)
    assert claim.act is LegalAct.OBJECTION


def test_a_group_and_single_things_are_taken_out(website: Website) -> None:
    browser = website.browser()
    draft, page = start(
        browser, "https://studio.example/1.jpg", "https://studio.example/2.jpg", "https://artstation.com/ada"
    )
    assert "2 links" in page
    assert "2 addresses" in page  # the profile has two ways to be addressed
    number = re.search(r'name="number" value="(\d+)"', page)
    assert number
    token = browser.token(draft)
    page = browser.post(f"{draft}/take-out", data={"form_token": token, "number": number.group(1)}).text
    assert "1 link<" in page
    page = browser.post(f"{draft}/take-out", data={"form_token": token, "group": "paths"}).text
    assert "addresses" not in page


def test_everything_a_search_finds_becomes_a_draft_and_lookalikes_do_not(website: Website) -> None:
    browser = website.browser()
    page = browser.get("/?q=harbour").text
    assert "Say no to all" in page
    fields = {"form_token": browser.token("/?q=harbour"), "q": "harbour", "answer": "no_training"}
    draft = browser.post("/choices/from-search", data=fields)
    assert "What was found" in draft.text
    with website.database.transaction() as session:
        import sqlalchemy as sa

        from byleave.registry.draft_tables import DraftTargetRow

        kinds = dict(
            session.execute(
                sa.select(DraftTargetRow.kind, sa.func.count()).group_by(DraftTargetRow.kind)
            ).all()
        )
    assert kinds[TargetKind.URL] == 4  # three views and a re-post


def test_consent_is_exactly_what_was_ticked_and_withdrawn_in_as_few_steps(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    draft, page = start(browser, "https://studio.example/me.jpg")
    assert f"{draft}/consent" in page
    page = browser.get(f"{draft}/consent").text
    assert "checked" not in page.partition("Which uses")[2]
    text = re.search(r'name="text" value="([0-9a-f]{64})"', page)
    assert text
    fields = {"form_token": browser.token(draft), "text": text.group(1), "decision": "agree"}
    assert browser.post(f"{draft}/consent", data={**fields, "use": "tdm"}).status_code == 400
    assert browser.post(f"{draft}/consent", data={**fields, "recipients": "research"}).status_code == 400
    changed = {**fields, "text": "ab" * 32, "use": "tdm", "recipients": "research"}
    assert browser.post(f"{draft}/consent", data=changed).status_code == 409
    refused = browser.post(f"{draft}/consent", data={**fields, "decision": "disagree", "use": "tdm"})
    assert "What was found" in refused.text
    assert claims(website) == []
    steps_to_give = 1
    browser.post(f"{draft}/consent", data={**fields, "use": ["tdm", "search"], "recipients": "research"})
    (claim,) = claims(website)
    assert claim.act is LegalAct.CONSENT
    assert claim.preferences.tdm is claim.preferences.search is Preference.ALLOW
    assert claim.preferences.train_gen is Preference.UNKNOWN
    assert claim.terms == "recipients: research"
    with website.database.transaction() as session:
        import sqlalchemy as sa

        from byleave.registry.tables import ClaimRow

        assert session.scalar(sa.select(ClaimRow.text_digest)) == bytes.fromhex(text.group(1))
    steps_to_withdraw = 1
    mine = browser.get("/choices").text
    assert f'action="/choices/{claim.id.hex()}/undo"' in mine
    browser.post(f"/choices/{claim.id.hex()}/undo", data={"form_token": browser.token()})
    assert steps_to_withdraw <= steps_to_give
    assert claims(website)[0].state is ClaimState.WITHDRAWN


def test_a_list_is_handed_in_read_by_a_job_and_every_line_not_used_can_be_downloaded(
    website: Website,
) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    lines = "url\n" + "".join(f"https://studio.example/{n}.jpg\n" for n in range(300)) + "ftp://x\n=cmd()\n"
    fields = {"form_token": browser.token("/choices/list"), "answer": "no_training"}
    files = {"file": ("mine.csv", lines.encode())}
    page = browser.post("/choices/list", data=fields, files=files)
    assert "Being read" in page.text
    where = page.url.path
    website.publish()
    page = browser.get(where)
    assert "300 things it names are" in page.text
    assert "2 lines were" in page.text
    rejects = browser.get(f"{where}/rejects.csv").text.splitlines()
    assert rejects[0] == "line,value,reason"
    assert [line.partition(",")[0] for line in rejects[1:]] == ["302", "303"]
    assert rejects[2].startswith("303,'=cmd()")
    again = browser.post("/choices/list", data=fields, files=files)
    assert again.url.path == where
    assert len(claims(website)) == 1
    assert list((website.settings.home / "handed-in").iterdir()) == []
    other = website.browser()
    other.sign_in("mallory@example.org")
    assert other.get(where).status_code == other.get(f"{where}/rejects.csv").status_code == 404


def test_a_list_of_which_nothing_can_be_used_says_why(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    fields = {"form_token": browser.token("/choices/list"), "answer": "no_training"}
    page = browser.post("/choices/list", data=fields, files={"file": ("a.csv", b"name,link\na,b\n")})
    website.publish()
    assert "names none of the columns" in browser.get(page.url.path).text
    empty = browser.post("/choices/list", data=fields, files={"file": ("a.csv", b"")})
    assert (empty.status_code, "it is empty" in empty.text) == (400, True)
    assert claims(website) == []


def test_a_choice_is_changed_narrowed_and_all_are_undone(website: Website) -> None:
    browser = website.browser()
    browser.sign_in("ada@example.org")
    draft, _ = start(browser, *(f"https://studio.example/{n}.jpg" for n in range(3)))
    fields = {"form_token": browser.token(draft), "answer": "no_training", "expires": "2090-12-31"}
    browser.post(f"{draft}/file", data=fields)
    (claim,) = claims(website)
    where = f"/choices/{claim.id.hex()}"
    page = browser.get(f"{where}/change").text
    assert 'value="no_training" checked' in page
    assert 'name="expires" type="date" value="2090-12-31"' in page, "whoever changes something else keeps it"
    first = re.search(r'name="target" value="(url:[0-9a-f]{64})"', page)
    assert first
    token = browser.token(f"{where}/change")
    assert browser.post(f"{where}/take-out", data={"form_token": token}).status_code == 400
    page = browser.post(f"{where}/take-out", data={"form_token": token, "target": first.group(1)}).text
    assert "2 things" in page
    yes = browser.post(f"{where}/change", data={"form_token": token, "answer": "yes"})
    assert yes.status_code == 400
    assert "another act in law" in yes.text
    page = browser.post(
        f"{where}/change", data={"form_token": token, "answer": "ask_first", "contact": "a@b.example"}
    ).text
    assert "Ask me first" in page
    (changed,) = claims(website)
    assert (changed.number, changed.target_count, changed.contact) == (3, 2, "a@b.example")
    assert browser.post("/choices/undo-all", data={"form_token": token}).status_code == 400
    browser.post("/choices/undo-all", data={"form_token": token, "sure": "yes"})
    assert claims(website)[0].state is ClaimState.WITHDRAWN
    other = website.browser()
    other.sign_in("mallory@example.org")
    assert other.get(f"{where}/change").status_code == 404
    stolen = {"form_token": other.token(), "target": first.group(1), "answer": "no_ai"}
    assert other.post(f"{where}/change", data=stolen).status_code == 404
    assert other.post(f"{where}/take-out", data=stolen).status_code == 404
