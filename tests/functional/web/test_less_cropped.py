"""*The original file* that shows more around the picture: dataset and site have the crop, somebody has the whole."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image, ImageFilter
from tests.unit.media.pictures import photo
from tests.website import Browser, Gallery, Website, encoded, served

from byleave.catalog import Catalog
from byleave.consent import Evidence, TargetKind
from byleave.registry.proof_tables import ProofRow
from byleave.registry.tables import TargetRow
from byleave.settings import Settings

if TYPE_CHECKING:
    from byleave.registry.database import Database

pytestmark = pytest.mark.functional

SCENES = {name: photo(seed) for seed, name in enumerate(("cliff", "meadow", "quay"))}
WAIT_SECONDS = 300
"""Comparing takes seconds of a processor that others may be using, and the first one loads the models."""

BOX = (90, 40, 720, 600)
"""What the dataset has of each scene of 900 by 700 pixels."""


def scaled(picture: Image.Image, factor: float) -> Image.Image:
    return picture.resize((round(picture.width * factor), round(picture.height * factor)))


@pytest.fixture(scope="module")
def cropped(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    home = tmp_path_factory.mktemp("cropped")
    folder = home / "pictures"
    folder.mkdir()
    for name, scene in SCENES.items():
        (folder / f"{name}.jpg").write_bytes(encoded(scene.crop(BOX), quality=85))
    (folder / "meadow-whole.jpg").write_bytes(encoded(SCENES["meadow"], quality=85))
    Catalog(home).ingest(folder, dataset="cropped")
    return Gallery(home, folder, tuple(SCENES))


@pytest.fixture(scope="module")
def site(
    cropped: Gallery, tmp_path_factory: pytest.TempPathFactory, _open_database: Database
) -> Iterator[Website]:
    with served(cropped, Settings(home=tmp_path_factory.mktemp("site")), _open_database) as website:
        yield website


@pytest.fixture
def ann(site: Website) -> Browser:
    browser = site.browser()
    browser.http.timeout = httpx.Timeout(WAIT_SECONDS)
    browser.sign_in(f"{uuid.uuid4().hex}@example.com")
    return browser


def shows(browser: Browser, picture: Image.Image) -> httpx.Response:
    data = {"form_token": browser.token("/proofs/original")}
    sent = {"picture": ("a.jpg", encoded(picture, quality=92), "image/jpeg")}
    return browser.post("/proofs/original", data=data, files=sent)


def newest(site: Website) -> tuple[int, str]:
    """Return the level of the picture claimed last, and the state of the proof kept last."""
    with site.database.transaction() as session:
        level = sa.select(TargetRow.evidence).where(TargetRow.kind == TargetKind.PICTURE.value)
        state = sa.select(ProofRow.state).order_by(ProofRow.created_at.desc())
        return (
            session.execute(level.order_by(TargetRow.id.desc()).limit(1)).scalar_one(),
            session.execute(state.limit(1)).scalar_one(),
        )


def test_a_file_no_larger_but_less_cropped_supports_a_choice_about_the_copy(
    site: Website, cropped: Gallery, ann: Browser
) -> None:
    ann.says_no(cropped.file("cliff").read_bytes())
    page = shows(ann, SCENES["cliff"]).text
    assert "Confirmed" in page
    assert "900 × 700 pixels" in page
    assert re.search(r"1; at least (19|20) % of a side more", page)
    assert newest(site) == (Evidence.E1, "good")


def test_a_smaller_file_is_no_original_though_it_shows_more(ann: Browser) -> None:
    page = shows(ann, scaled(SCENES["cliff"], 0.8)).text
    assert "Confirmed" not in page
    assert "720 × 560 pixels" in page


def test_a_part_of_a_file_that_stands_here_whole_is_no_original(ann: Browser) -> None:
    wider = SCENES["meadow"].crop((20, 10, 880, 690))
    page = shows(ann, scaled(wider, 1.1)).text
    assert "Confirmed" not in page
    assert "the largest has 900 × 700 pixels" in page


def padded(way: str, copy: Image.Image, other: Image.Image) -> Image.Image:
    edge = 100
    size = copy.width + 2 * edge, copy.height + 2 * edge
    if way in {"symmetric", "wrap", "edge"}:
        wide = np.pad(np.asarray(copy), ((edge, edge), (edge, edge), (0, 0)), mode=way)  # type: ignore[call-overload]  # a mode by name
        return Image.fromarray(wide)
    grounds = {
        "one colour": lambda: Image.new("RGB", size, "teal"),
        "blurred": lambda: copy.resize(size).filter(ImageFilter.GaussianBlur(12)),
        "another picture": lambda: other.resize(size),
    }
    ground = grounds[way]()
    ground.paste(copy, (edge, edge))
    return ground


@pytest.mark.parametrize("way", ["symmetric", "wrap", "edge", "one colour", "blurred", "another picture"])
def test_a_copy_with_a_margin_made_of_it_or_pasted_around_it_is_no_original(ann: Browser, way: str) -> None:
    page = shows(ann, padded(way, SCENES["quay"].crop(BOX), SCENES["cliff"])).text
    assert "Confirmed" not in page
    assert "Nothing was kept" in page
