"""Pictures handed in from a device: hashed where they lie, told as match codes, and nothing of a file goes over the wire."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Request, expect
from tests.browser.conftest import NewPage, Running, sign_in
from tests.browser.test_access import assert_accessible
from tests.browser.test_match_codes import DECODER_BUDGET
from tests.website import encoded, painting

from byleave.fingerprints import ClaimedPicture, hamming
from byleave.media import claimed_picture
from byleave.settings import Limits

pytestmark = pytest.mark.browser

FOLDER = "A folder"
FILES = "Pictures or an export (ZIP)"
MANY = 50


class Wire:
    """Everything a page sent, as it went over the wire."""

    def __init__(self, page: Page) -> None:
        self.sent: list[Request] = []
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        self.sent.append(request)

    def bodies(self) -> list[bytes]:
        return [request.post_data_buffer or b"" for request in self.sent if request.method == "POST"]

    def pictures(self) -> list[dict[str, Any]]:
        told = [json.loads(body) for body in self.bodies() if body.startswith(b'{"pictures"')]
        return [picture for one in told for picture in one["pictures"]]

    def carries(self, content: bytes) -> bool:
        """Whether any 24 bytes in a row of a file went out, wherever they stood; its first ones are the same in all files."""
        pieces = {content[at : at + 24] for at in range(len(content) // 2, len(content) - 24, 997)}
        return any(piece in body for body in self.bodies() for piece in pieces)


def works(folder: Path, number: int) -> dict[str, bytes]:
    """Write so many pictures, all different, some below another folder."""
    (folder / "older").mkdir(parents=True)
    made = {}
    for seed in range(number):
        name = f"older/{seed}.jpg" if seed % 5 == 0 else f"{seed}.jpg"
        made[f"{folder.name}/{name}"] = encoded(painting(5000 + seed), quality=88)
        (folder / name).write_bytes(made[f"{folder.name}/{name}"])
    return made


def outcome(page: Page) -> str:
    said = page.locator('.pictures-in [data-part="outcome"] .told')
    expect(said).to_be_visible()
    return said.inner_text()


def test_a_folder_is_hashed_here_and_claimed_and_nothing_of_it_is_uploaded(
    page: Page, tmp_path: Path
) -> None:
    made = works(tmp_path / "My work", MANY)
    (tmp_path / "My work" / "notes.txt").write_text("no picture")
    (tmp_path / "My work" / ".hidden.jpg").write_bytes(b"not looked at")
    wire = Wire(page)
    page.goto("/choices/start")
    page.get_by_label(FOLDER).set_input_files(tmp_path / "My work")
    assert outcome(page) == f"{MANY} pictures are in. 1 other file is no picture."
    told = {picture["name"]: picture for picture in wire.pictures()}
    assert sorted(told) == sorted(made)
    for name, content in made.items():
        ours = claimed_picture(content, limits=Limits())
        assert isinstance(ours, ClaimedPicture)
        theirs = ClaimedPicture.parse(told[name]["code"])
        assert hamming(ours.variants[0], theirs.variants[0]) <= DECODER_BUDGET
        assert not wire.carries(content)
    assert sum(map(len, wire.bodies())) < MANY * 2000
    page.get_by_role("link", name="Show what was found").click()
    expect(page.get_by_role("heading", name=f"{MANY} pictures")).to_be_visible()
    page.get_by_role("button", name="Sign in to make this choice").click()
    sign_in(page, "illustrator@studio.example")
    page.get_by_role("button", name="Make this choice").click()
    page.goto("/choices")
    expect(page.locator(".choice").first).to_contain_text("No AI training")


def test_the_same_folder_again_goes_on_where_it_stopped(page: Page, tmp_path: Path) -> None:
    works(tmp_path / "work", 12)
    page.goto("/choices/start")
    page.get_by_label(FOLDER).set_input_files(tmp_path / "work")
    assert "12 pictures are in." in outcome(page)
    (tmp_path / "work" / "new.jpg").write_bytes(encoded(painting(6000)))
    page.get_by_label(FOLDER).set_input_files(tmp_path / "work")
    expect(page.locator('[data-part="outcome"]')).to_contain_text(
        "1 picture is in. 12 files were looked at before."
    )


def test_it_can_be_stopped_and_goes_on(page: Page, tmp_path: Path) -> None:
    works(tmp_path / "work", 30)
    page.goto("/choices/start")
    page.evaluate(
        """() => {
          const stop = document.querySelector('[data-part="stop"]');
          new MutationObserver(() => { if (!stop.hidden) stop.click(); }).observe(stop, { attributes: true });
        }"""
    )
    page.get_by_label(FOLDER).set_input_files(tmp_path / "work")
    go_on = page.get_by_role("button", name="Go on")
    expect(go_on).to_be_visible()
    expect(page.locator('[data-part="count"]')).to_contain_text("Stopped:")
    page.evaluate("""() => { document.querySelector('[data-part="stop"]').click = () => {}; }""")
    go_on.focus()
    page.keyboard.press("Enter")
    assert "30 pictures are in." in outcome(page)


def test_a_file_that_cannot_be_taken_is_named_with_its_reason(page: Page, tmp_path: Path) -> None:
    works(tmp_path / "work", 2)
    (tmp_path / "work" / "torn.jpg").write_bytes(encoded(painting(1))[:300])
    (tmp_path / "work" / "plain.png").write_bytes(encoded(Image.new("RGB", (300, 200), "white"), "PNG"))
    page.goto("/choices/start")
    page.get_by_label(FOLDER).set_input_files(tmp_path / "work")
    assert "1 picture is so plain" in outcome(page)
    page.get_by_text("1 file could not be taken").click()
    expect(page.locator('[data-part="faults-list"]')).to_contain_text(
        "work/torn.jpg: this browser cannot read it as a picture (jpeg)"
    )


def export(layout: str) -> dict[str, bytes]:
    """Make what platforms put into their exports."""
    pictures = [encoded(painting(7000 + number), quality=88) for number in range(3)]
    if layout == "instagram":
        caption = "Lighthouse, été".encode().decode("latin-1")  # written as Instagram does
        posts = [
            {"media": [{"uri": "media/posts/202101/a.jpg", "title": ""}], "title": caption},
            {"media": [{"uri": "media/posts/202101/b.webp", "title": "Second"}]},
        ]
        return {
            "content/posts_1.json": json.dumps(posts).encode(),
            "media/posts/202101/a.jpg": pictures[0],
            "media/posts/202101/b.webp": encoded(painting(7001), "WEBP", quality=90),
            "media/posts/202101/c.heic": b"\0\0\0\x18ftypheic nothing this page reads",
            "index.html": b"<html>",
        }
    if layout == "gallery":
        listed = {
            "deviations": [{"title": "Storm", "url": "https://art.example/d/1", "filename": "storm.png"}]
        }
        return {
            "gallery/storm.png": encoded(painting(7000), "PNG"),
            "gallery/other.jpg": pictures[1],
            "gallery.json": json.dumps(listed).encode(),
            "__MACOSX/gallery/._storm.png": b"\0\5\x16\7",
        }
    return {
        "projects/one/cover.jpg": pictures[0],
        "projects/one/detail": pictures[1],  # no ending at all
        "assets/résumé.jpg": pictures[2],
        "projects.csv": b"title\none\n",
    }


EXPECTED: dict[str, dict[str, str | None]] = {
    "instagram": {"Lighthouse, été": None, "Second": None},
    "gallery": {"Storm": "https://art.example/d/1", "all.zip: gallery/other.jpg": None},
    "portfolio": {
        "all.zip: projects/one/cover.jpg": None,
        "all.zip: projects/one/detail": None,
        "all.zip: assets/résumé.jpg": None,
    },
}


@pytest.mark.parametrize("layout", sorted(EXPECTED))
def test_an_export_is_read_with_its_captions_and_links(page: Page, tmp_path: Path, layout: str) -> None:
    entries = export(layout)
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries.items():
            made.writestr(name, content, zipfile.ZIP_STORED if name.endswith(".jpg") else None)
    wire = Wire(page)
    page.goto("/choices/start")
    page.get_by_label(FILES).set_input_files(tmp_path / "all.zip")
    assert f"{len(EXPECTED[layout])} pictures are in." in outcome(page)
    assert {picture["name"]: picture["link"] for picture in wire.pictures()} == EXPECTED[layout]
    assert not any(wire.carries(content) for content in entries.values() if len(content) > 2000)


def rewritten(change: Callable[[bytearray], None]) -> bytes:
    """Make a ZIP file of two pictures and change its bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for number in range(2):
            made.writestr(f"{number}.jpg", encoded(painting(7100 + number)), zipfile.ZIP_DEFLATED)
    content = bytearray(out.getvalue())
    change(content)
    return bytes(content)


def encrypted(content: bytearray) -> None:
    first = content.index(b"PK\x01\x02")
    content[first + 8] |= 1


def of_another_method(content: bytearray) -> None:
    first = content.index(b"PK\x01\x02")
    content[first + 10 : first + 12] = struct.pack("<H", 93)


def damaged(content: bytearray) -> None:
    first = content.index(b"PK\x01\x02")
    content[first + 16] ^= 0xFF


def lying_about_size(content: bytearray) -> None:
    first = content.index(b"PK\x01\x02")
    content[first + 24 : first + 28] = struct.pack("<I", 200)


def too_large(content: bytearray) -> None:
    first = content.index(b"PK\x01\x02")
    content[first + 24 : first + 28] = struct.pack("<I", 900_000_000)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (encrypted, "0.jpg: it is encrypted"),
        (of_another_method, "0.jpg: it is compressed in a way this page does not read (93)"),
        (damaged, "0.jpg: it is damaged inside the ZIP file"),
        (lying_about_size, "0.jpg: it is longer than the list of the ZIP file says"),
        (too_large, "0.jpg: it has 859 MB, at most 25 are read"),
    ],
)
def test_an_odd_entry_is_named_and_the_others_are_taken(
    page: Page, tmp_path: Path, change: Callable[[bytearray], None], said: str
) -> None:
    (tmp_path / "all.zip").write_bytes(rewritten(change))
    page.goto("/choices/start")
    page.get_by_label(FILES).set_input_files(tmp_path / "all.zip")
    assert "1 picture is in." in outcome(page)
    expect(page.locator('[data-part="faults-list"]')).to_contain_text(said)


def test_a_zip_file_with_large_numbers_and_something_before_it_is_read(page: Page, tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for number in range(2):
            with made.open(f"{number}.jpg", "w", force_zip64=True) as entry:
                entry.write(encoded(painting(7200 + number)))
    (tmp_path / "all.zip").write_bytes(b"#!/bin/sh\n" + with_large_end(out.getvalue()))
    page.goto("/choices/start")
    page.get_by_label(FILES).set_input_files(tmp_path / "all.zip")
    assert "2 pictures are in." in outcome(page)


def with_large_end(content: bytes) -> bytes:
    """Put the numbers of the end into the record that ZIP64 has for them."""
    at = content.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack_from("<HII", content, at + 10)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at + len(b"#!/bin/sh\n"), 1)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return content[:at] + record + locator + end


def test_what_is_no_zip_file_is_said_so(page: Page, tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(b"PK\3\4 and nothing more")
    page.goto("/choices/start")
    page.get_by_label(FILES).set_input_files(tmp_path / "all.zip")
    assert "0 pictures are in." in outcome(page)
    expect(page.locator('[data-part="faults-list"]')).to_contain_text("all.zip: it is not a whole ZIP file")


def test_a_small_copy_finds_what_a_match_code_does_not(page: Page, running: Running, tmp_path: Path) -> None:
    with Image.open(running.home / "pictures" / "heron-1.jpg") as picture:
        whole = encoded(picture.resize((1920, 1440)).crop((280, 160, 1880, 1320)), quality=95)
    (tmp_path / "part.jpg").write_bytes(whole)
    wire = Wire(page)
    page.goto("/choices/start")
    page.get_by_text("Send a small copy, deleted within an hour").click()
    page.get_by_label(FILES).set_input_files(tmp_path / "part.jpg")
    assert outcome(page) == "1 picture is in."
    assert not wire.carries(whole)
    copies = [request for request in wire.sent if request.url.endswith("/choices/copies")]
    assert len(copies) == 1
    assert len(copies[0].post_data_buffer or b"") < 240 * 1024 + 2000
    page.get_by_role("link", name="Look at what is similar").click()
    page.get_by_label("Choose A heron in oil, view heron-1").check()
    assert_accessible(page)
    page.get_by_role("button", name="Add what I ticked").click()
    expect(page).not_to_have_url("**/lookalikes")


def test_a_browser_that_hides_pixels_says_so_and_sends_nothing(new_page: NewPage, tmp_path: Path) -> None:
    page = new_page()
    page.add_init_script("delete globalThis.Worker")
    works(tmp_path / "work", 2)
    wire = Wire(page)
    page.goto("/choices/start")
    page.get_by_label(FOLDER).set_input_files(tmp_path / "work")
    assert outcome(page) == "It does not go on: this browser runs no workers."
    assert wire.pictures() == []


def test_without_a_script_pictures_are_sent_by_a_plain_form(new_page: NewPage, tmp_path: Path) -> None:
    page = new_page(java_script_enabled=False)
    works(tmp_path / "work", 3)
    page.goto("/choices/start")
    page.locator("#pictures-files").set_input_files(
        [tmp_path / "work" / f"{number}.jpg" for number in (1, 2)]
    )
    page.get_by_role("button", name="Send these pictures").click()
    page.wait_for_url("**/lookalikes")
    page.get_by_role("link", name=re.compile("^(Go on|None of them)$")).click()
    expect(page.get_by_role("heading", name="2 pictures")).to_be_visible()


def test_the_part_for_pictures_is_accessible_in_all_its_states(page: Page, tmp_path: Path) -> None:
    works(tmp_path / "work", 3)
    (tmp_path / "work" / "torn.jpg").write_bytes(encoded(painting(1))[:300])
    page.goto("/choices/start")
    page.get_by_text("What is found, by what was done to a copy").click()
    assert_accessible(page)
    page.get_by_label(FOLDER).set_input_files(tmp_path / "work")
    outcome(page)
    page.get_by_text("1 file could not be taken").click()
    assert_accessible(page)
