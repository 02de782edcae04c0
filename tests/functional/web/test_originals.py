"""*The original file*, without JavaScript, against a real catalog: what is larger counts, what is not is told, nothing is kept."""

from __future__ import annotations

import uuid

import httpx
import pytest
import sqlalchemy as sa
from PIL import Image
from tests.website import REPOST_OF, Browser, Gallery, Website, encoded, painting

from byleave.consent import Evidence, TargetKind
from byleave.registry.proof_tables import ProofRow
from byleave.registry.tables import TargetRow

pytestmark = pytest.mark.functional

WAIT_SECONDS = 300
"""Comparing takes seconds of a processor that others may be using, and the first one loads the models."""


def enlarged(gallery: Gallery, name: str, factor: float) -> bytes:
    """Make what somebody has who kept the picture at its first size."""
    with Image.open(gallery.file(name)) as picture:
        width, height = picture.size
        return encoded(picture.resize((round(width * factor), round(height * factor))), quality=95)


def person(website: Website) -> Browser:
    browser = website.browser()
    browser.http.timeout = httpx.Timeout(WAIT_SECONDS)
    browser.sign_in(f"{uuid.uuid4().hex}@example.com")
    return browser


def shows(browser: Browser, content: bytes) -> httpx.Response:
    data = {"form_token": browser.token("/proofs/original")}
    return browser.post("/proofs/original", data=data, files={"picture": ("a.jpg", content, "image/jpeg")})


def levels(website: Website) -> list[int]:
    with website.database.transaction() as session:
        chosen = sa.select(TargetRow.evidence).where(TargetRow.kind == TargetKind.PICTURE.value)
        return sorted(session.execute(chosen).scalars())


def proofs(website: Website) -> list[ProofRow]:
    with website.database.transaction() as session:
        found = list(session.execute(sa.select(ProofRow)).scalars())
        session.expunge_all()
        return found


def test_a_larger_file_supports_a_choice_about_the_picture(website: Website, gallery: Gallery) -> None:
    ann = person(website)
    ann.says_no(gallery.file("heron-1").read_bytes())
    before = sorted(website.settings.home.rglob("*"))
    page = shows(ann, enlarged(gallery, "heron-1", 2)).text
    assert "Confirmed" in page
    assert "960 × 720 pixels" in page
    assert "480 × 360 pixels" in page
    assert "compared with 1 copy" in page
    assert "Check now" not in page
    assert levels(website) == [Evidence.E1]
    (kept,) = proofs(website)
    assert (kept.place_kind, kept.next_check, kept.expires_at, kept.subject) == ("picture", None, None, None)
    assert [path for path in sorted(website.settings.home.rglob("*")) if path not in before] == []


def test_of_a_repost_in_several_sizes_the_largest_counts(website: Website, gallery: Gallery) -> None:
    ann = person(website)
    between = enlarged(gallery, REPOST_OF, 1.1)
    page = shows(ann, between).text
    assert "of 2 copies known here the largest has 480 × 360 pixels" in page
    assert "528 × 396 pixels" in page
    assert proofs(website) == []


def test_a_file_shown_first_counts_for_the_choice_made_with_it_later(
    website: Website, gallery: Gallery
) -> None:
    ann = person(website)
    large = enlarged(gallery, "violin-0", 2)
    assert "Confirmed" in shows(ann, large).text
    ann.says_no(large)
    assert levels(website) == [Evidence.E1]


def test_a_picture_that_no_dataset_has_is_not_larger_than_anything(website: Website) -> None:
    page = shows(person(website), encoded(painting(900, (1600, 1200)))).text
    assert "nothing to be larger than" in page
    assert proofs(website) == []


def test_two_people_who_both_show_a_larger_file_stand_alike(website: Website, gallery: Gallery) -> None:
    small, large = enlarged(gallery, "market-2", 1.5), enlarged(gallery, "market-2", 3)
    for browser, content in ((person(website), large), (person(website), small)):
        browser.says_no(gallery.file("market-2").read_bytes())
        assert "Confirmed" in shows(browser, content).text
    assert levels(website) == [Evidence.E1, Evidence.E1]
    assert {row.state for row in proofs(website)} == {"good"}


def test_it_does_not_reach_another_picture(website: Website, gallery: Gallery) -> None:
    ann = person(website)
    ann.says_no(gallery.file("thistle-1").read_bytes())
    shows(ann, enlarged(gallery, "thistle-2", 2))
    assert levels(website) == [Evidence.E0]


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_what_is_no_picture_is_said(website: Website, content: bytes) -> None:
    assert shows(person(website), content).status_code == 400


@pytest.mark.parametrize(
    ("referer", "leads_back"),
    [
        ("{}/proofs/original?a=1", True),
        ("http://other.example/proofs/original?a=1", False),
        ("{}//other.example/proofs/original?a=1", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_a_refused_form_leads_back_to_its_page_and_never_elsewhere(
    website: Website, referer: str, *, leads_back: bool
) -> None:
    ann = person(website)
    answer = ann.post(
        "/proofs/original",
        data={"form_token": ann.token("/proofs/original")},
        files={"picture": ("a.jpg", b"no picture", "image/jpeg")},
        headers={"referer": referer.format(website.address)},
    )
    assert answer.status_code == 400
    assert ('href="/proofs/original?a=1"' in answer.text) is leads_back
    assert "other.example" not in answer.text


def test_a_flat_picture_shows_nothing(website: Website) -> None:
    answer = shows(person(website), encoded(Image.new("RGB", (2000, 1500), "teal")))
    assert (answer.status_code, "too flat" in answer.text) == (400, True)


def test_only_who_is_signed_in_may_show_one(website: Website) -> None:
    stranger = website.browser()
    assert "Sign in" in stranger.get("/proofs/original").text


def test_what_showing_control_costs_stands_in_the_public_record(website: Website, gallery: Gallery) -> None:
    assert "Showing control costs" not in website.browser().get("/registry").text
    ann = person(website)
    ann.says_no(gallery.file("heron-1").read_bytes())
    shows(ann, enlarged(gallery, "heron-1", 2))
    (kept,) = proofs(website)
    assert kept.seen is not None
    told = f"0.0 questions and {kept.seen['milliseconds'] / 1000:.2f} seconds for each choice"
    assert told in website.browser().get("/registry").text
