"""Many pictures are fingerprinted in a limited process, and one that spoils it costs its neighbours nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from tests.unit.media.pictures import encoded, photo

from byleave.media import Picture, Unusable, UnusableKind, describe
from byleave.media.fingerprinting import TOGETHER, Fingerprinted, Fingerprinter, Outcome
from byleave.media.isolated import Child
from byleave.settings import Limits

pytestmark = pytest.mark.functional

LIMITS = Limits()
PICTURES = [encoded(photo(seed, (160, 120))) for seed in range(3)]


@pytest.fixture(scope="module")
def printer() -> Iterator[Fingerprinter]:
    with Fingerprinter(LIMITS) as one:
        yield one


def kinds(outcomes: Sequence[Outcome]) -> list[UnusableKind | None]:
    return [one.kind if isinstance(one, Unusable) else None for one in outcomes]


def test_each_picture_gets_in_its_place_what_reading_it_here_gives(printer: Fingerprinter) -> None:
    asked = (PICTURES * TOGETHER)[: 2 * TOGETHER + 1]
    alone = [describe(one, limits=LIMITS) for one in PICTURES]
    for place, outcome in enumerate(printer.read(asked)):
        expected = alone[place % len(PICTURES)]
        assert isinstance(outcome, Fingerprinted)
        assert isinstance(expected, Picture)
        assert outcome.fingerprint == expected.fingerprint


def test_files_that_are_no_pictures_get_reasons_in_their_places(printer: Fingerprinter) -> None:
    outcomes = printer.read([PICTURES[0], b"text", PICTURES[1], b"", b"<svg xmlns=''>"])
    assert kinds(outcomes) == [None, UnusableKind.NOT_A_PICTURE, None, UnusableKind.EMPTY, UnusableKind.SVG]


def test_a_process_that_is_gone_is_replaced_and_no_picture_is_lost(printer: Fingerprinter) -> None:
    printer.read(PICTURES[:1])
    assert printer._child is not None
    printer._child.process.kill()
    assert kinds(printer.read(PICTURES)) == [None, None, None]


def test_only_the_picture_that_crashes_the_process_gets_a_reason(
    printer: Fingerprinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Child.ask_together

    def crash(child: Child, facts: dict[str, Any], pictures: Sequence[bytes], most: int) -> Any:
        if PICTURES[1] in pictures:
            child.process.kill()
        return ask(child, facts, pictures, most)

    monkeypatch.setattr(Child, "ask_together", crash)
    assert kinds(printer.read(PICTURES)) == [None, UnusableKind.CRASHED, None]


def test_an_impossible_answer_is_no_fingerprint(
    printer: Fingerprinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[str, Any] = {"found": [{"plain": "00", "trimmed": "00", "quality": 900}]}
    monkeypatch.setattr(Child, "ask_together", lambda *_: (said, []))
    assert kinds(printer.read(PICTURES[:1])) == [UnusableKind.CRASHED]


def test_too_many_bytes_and_too_many_pixels_are_told_apart() -> None:
    narrow = replace(LIMITS, picture_bytes=100_000, picture_pixels=30_000)
    flat = encoded(Image.new("RGB", (400, 300)), "PNG")
    with Fingerprinter(narrow) as printer:
        outcomes = printer.read([bytes(100_001), flat, PICTURES[0]])
    assert kinds(outcomes) == [UnusableKind.TOO_LARGE, UnusableKind.TOO_MANY_PIXELS, None]


def test_working_copies_come_along_where_they_are_asked_for() -> None:
    expected = describe(PICTURES[0], limits=LIMITS)
    assert isinstance(expected, Picture)
    with Fingerprinter(LIMITS, with_pixels=True) as printer:
        broken, found = printer.read([b"text", PICTURES[0]])
    assert isinstance(broken, Unusable)
    assert isinstance(found, Fingerprinted)
    assert found.rgb is not None
    assert (found.rgb == expected.rgb).all()
