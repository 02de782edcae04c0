"""What a browser tells of pictures on its device is kept for a day, for that browser alone, each picture once."""

from __future__ import annotations

import random
import uuid
from datetime import timedelta
from typing import Any

import pytest
from tests.website import Browser, Website

from byleave.consent import TargetKind
from byleave.fingerprints import ClaimedPicture
from byleave.registry.drafts import Source, add_targets, counts, open_draft, targets_of_draft
from byleave.registry.targets import url_target
from byleave.web.device_pictures import MOST_PICTURES_A_CALL

pytestmark = pytest.mark.functional


def told(number: int, *, digest: bool = True) -> dict[str, Any]:
    chance = random.Random(number)
    code = ClaimedPicture(tuple(chance.randbytes(32) for _ in range(8)), 90).to_text()
    return {
        "name": f"{number}.jpg",
        "code": code,
        "digest": chance.randbytes(32).hex() if digest else None,
    }


def begin(browser: Browser) -> str:
    answer = browser.post("/choices/drafts", headers={"x-byleave-token": browser.token()})
    assert answer.status_code == 200, answer.text
    assert answer.json()["address"] == f"/choices/draft/{answer.json()['draft']}"
    draft: str = answer.json()["draft"]
    return draft


def tell(browser: Browser, draft: str, pictures: list[dict[str, Any]]) -> Any:
    headers = {"x-byleave-token": browser.token()}
    return browser.post(f"/choices/draft/{draft}/pictures", headers=headers, json={"pictures": pictures})


def test_pictures_told_twice_are_kept_once(website: Website) -> None:
    browser = website.browser()
    draft = begin(browser)
    pictures = [told(number) for number in range(MOST_PICTURES_A_CALL)]
    for _ in range(2):
        answer = tell(browser, draft, pictures)
        assert answer.json() == {"accepted": len(pictures), "rejected": [], "total": 2 * len(pictures)}
    tell(browser, draft, [told(MOST_PICTURES_A_CALL, digest=False)])
    with website.database.transaction() as session:
        found = counts(session, uuid.UUID(draft))
        first, second = targets_of_draft(session, uuid.UUID(draft), limit=2)
        assert targets_of_draft(session, uuid.UUID(draft), after=first.number, limit=1) == (second,)
    assert found == {
        TargetKind.PICTURE: MOST_PICTURES_A_CALL + 1,
        TargetKind.DIGEST: MOST_PICTURES_A_CALL,
    }
    assert (first.source, first.target.label, first.target.value) == (
        Source.DEVICE,
        "0.jpg",
        pictures[0]["code"],
    )


def test_a_picture_that_cannot_be_used_is_named_with_its_reason_and_the_others_are_taken(
    website: Website,
) -> None:
    browser = website.browser()
    draft = begin(browser)
    other = told(3)["code"].replace("pdq-512/1", "pdq-512/9")
    answer = tell(
        browser,
        draft,
        [
            told(1),
            {"name": "torn.jpg", "code": "pdq"},
            {"name": "new.jpg", "code": other},
            {**told(2), "digest": "ab"},
            {**told(4), "name": "a\0b.jpg"},
        ],
    ).json()
    assert answer["accepted"] == 2
    assert [one["name"] for one in answer["rejected"]] == ["torn.jpg", "new.jpg", "2.jpg"]
    assert "version" in answer["rejected"][1]["reason"]


def test_a_draft_is_only_for_the_browser_that_began_it_and_only_with_its_token(website: Website) -> None:
    browser, stranger = website.browser(), website.browser()
    draft = begin(browser)
    assert tell(stranger, draft, [told(1)]).status_code == 404
    assert tell(browser, str(uuid.uuid4()), [told(1)]).status_code == 404
    unsigned = browser.post(f"/choices/draft/{draft}/pictures", json={"pictures": [told(1)]})
    assert unsigned.status_code == 403
    assert tell(browser, draft, [told(1)] * (MOST_PICTURES_A_CALL + 1)).status_code == 400


def test_a_draft_lasts_through_signing_in_and_is_forgotten_after_a_day(website: Website) -> None:
    browser = website.browser()
    draft = begin(browser)
    browser.sign_in("ada@example.org")
    assert tell(browser, draft, [told(1)]).json()["total"] == 2
    website.clock.ahead = timedelta(hours=25)
    assert tell(browser, draft, [told(1)]).status_code == 404
    with website.database.transaction() as session:
        other = open_draft(session, "somebody", at=website.clock())
        assert counts(session, uuid.UUID(draft)) == {}
        assert add_targets(session, other.id, [url_target("https://a.example/1")], Source.LINK) == 1
