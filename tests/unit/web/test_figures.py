"""The figures on the page are those that were measured, and the docs repeat them."""

from __future__ import annotations

from pathlib import Path

import pytest

from byleave.web.figures import device_figures, percent

DOCS = Path(__file__).parents[3] / "docs" / "explanation" / "match-codes-in-the-browser.md"


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (0.001, "under 1 %"), (0.5, "50 %"), (0.994, "99 %"), (0.999, "over 99 %"), (1, "100 %")],
)
def test_nearly_all_is_not_all_and_nearly_nothing_is_not_nothing(share: float, words: str) -> None:
    assert percent(share) == words


def test_a_small_copy_never_finds_less() -> None:
    found = device_figures()
    assert len(found.kinds) > 20
    assert all(0 <= kind.device <= kind.copy <= 1 for kind in found.kinds)
    assert found.copies == found.originals * len(found.kinds)


def test_the_docs_show_these_figures() -> None:
    found, text = device_figures(), DOCS.read_text()
    for kind in found.kinds:
        assert f"| {kind.words} | {percent(kind.device)} | {percent(kind.copy)} |" in text
    for one in found.decoders:
        assert f"| {one.decoder} | {percent(one.within)} | {one.most} |" in text
    for number in (found.originals, found.copies, found.others):
        assert f"{number:,}" in text
    assert found.share("device") in text
    assert found.share("copy") in text
