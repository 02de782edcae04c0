"""Bars are shown where somebody looks, and are gone when the work is done; lines above them stay as they were written."""

from __future__ import annotations

import pytest

from byleave.cli.ingest import _Bytes
from byleave.cli.progress import Shown

GONE = "\x1b[2K"
"""How a terminal is told to clear a line."""


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.usefixtures("terminal")
def test_a_step_has_a_bar_with_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with Shown() as shown:
        shown.step("reading", 1_000, 4_000)
        shown.step("sorting", 7, None)
    told = capsys.readouterr()
    assert told.out == ""
    assert "reading" in told.err
    assert "1,000/4,000" in told.err
    assert "sorting" in told.err
    assert told.err.rpartition("sorting")[2].count(GONE) > 0, "the bars are taken away"


@pytest.mark.usefixtures("terminal")
def test_an_ingest_counts_entries_beside_a_bar_of_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    with Shown() as shown:
        stages = _Bytes(shown)
        stages.begin("reading", 1_000_000)
        stages.advance(250_000, 1_234)
        stages.advance(250_000, 1_000)
    told = capsys.readouterr().err
    assert "2,234 entries" in told
    assert "500,000" not in told


@pytest.mark.usefixtures("terminal")
def test_a_title_of_a_stranger_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    with Shown() as shown:
        shown.line("[red]A[/red] boat")
    assert "[red]A[/red] boat" in capsys.readouterr().err


def test_nothing_but_lines_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with Shown() as shown:
        shown.step("reading", 1, 2)
        shown.line("done")
    assert capsys.readouterr().err.split() == ["done"]
