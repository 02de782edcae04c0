"""A stranger's drawing becomes a picture on white, and loads nothing from outside itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from PIL import Image

from byleave.demo.vectors import DEFAULT_PAGE, Box, draw, encode, page_of
from byleave.errors import FormatError

Build = Callable[..., bytes]


def test_the_long_side_has_the_size_asked_for_and_the_corner_is_white(svg: Build) -> None:
    picture = draw(svg(), long_side=320)
    assert max(picture.size) == 320
    assert picture.getpixel((0, 0)) == (255, 255, 255)


def test_a_small_drawing_on_a_large_page_fills_the_picture(svg: Build) -> None:
    picture = draw(svg(size='width="4000" height="4000"'), long_side=200)
    drawn = sum(1 for pixel in picture.convert("L").tobytes() if pixel < 250)
    assert drawn > 0.2 * picture.width * picture.height


def test_a_line_is_never_slimmer_than_one_to_three(svg: Build) -> None:
    picture = draw(svg(body='<rect x="5" y="50" width="90" height="1" fill="black"/>'), long_side=300)
    assert picture.height >= 100


@pytest.mark.parametrize(
    ("size", "page"),
    [
        ('width="210mm" height="297mm"', Box(0, 0, 744.09, 1052.36)),
        ('width="72pt" height="36pt"', Box(0, 0, 90, 45)),
        ('width="100%" height="100%" viewBox="1 2 30 40"', Box(1, 2, 30, 40)),
        ('width="10" height="20" viewBox="0,0,5,10"', Box(0, 0, 5, 10)),
        ("", Box(0, 0, *DEFAULT_PAGE)),
        ('width="100%" height="100%"', Box(0, 0, *DEFAULT_PAGE)),
    ],
)
def test_every_drawing_has_a_page(size: str, page: Box, svg: Build) -> None:
    found = page_of(fromstring(svg(size=size)))
    assert (found.x, found.y, found.width, found.height) == pytest.approx(
        (page.x, page.y, page.width, page.height), abs=0.01
    )


@pytest.mark.parametrize("size", ['viewBox="0 0 0 10"', 'viewBox="0 0 1e9 10"'])
def test_a_page_of_no_usable_size_is_refused(size: str, svg: Build) -> None:
    with pytest.raises(FormatError, match="no usable size"):
        draw(svg(size=size))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<image href="/etc/passwd" width="9" height="9"/>', "outside itself"),
        ('<image xlink:href="https://example.com/a.png" width="9" height="9"/>', "outside itself"),
        ("<text>words</text>", "fonts"),
        ('<rect width="50" height="50" fill="white"/>', "nothing is drawn"),
        ("", "nothing is drawn"),
    ],
)
def test_a_drawing_that_cannot_stand_alone_is_refused(body: str, problem: str, svg: Build) -> None:
    with pytest.raises(FormatError, match=problem):
        draw(svg(body=body))


@pytest.mark.parametrize("content", [b"", b"words", b"<svg", b"<html/>", b"\xff\xfe\x00"])
def test_what_is_no_drawing_is_refused(content: bytes) -> None:
    with pytest.raises(FormatError):
        draw(content)


def test_a_picture_names_its_maker_and_terms(tmp_path: Path, svg: Build) -> None:
    (tmp_path / "a.jpg").write_bytes(encode(draw(svg(), long_side=64), artist="Anita", terms="public domain"))
    with Image.open(tmp_path / "a.jpg") as picture:
        assert (picture.getexif()[0x013B], picture.getexif()[0x8298]) == ("Anita", "public domain")


def test_a_picture_without_credits_carries_no_metadata(svg: Build) -> None:
    assert b"Exif" not in encode(draw(svg(), long_side=64))
