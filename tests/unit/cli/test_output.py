"""What a command tells may quote what strangers wrote: nothing of it moves the cursor, colours or turns around the words beside it."""

from __future__ import annotations

import json

import pytest

from byleave.cli.output import print_json, say

NAME = "a\x1b[2J\x9b1A\u202e\udcff\U0001f600.parquet"


def test_words_are_told_without_what_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"two lines:\n{NAME}")
    assert capsys.readouterr().err == "two lines:\na\\u001b[2J\\u009b1A\\u202e\\udcff\U0001f600.parquet\n"


def test_data_is_printed_so_and_reads_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({NAME: [NAME]})
    printed = capsys.readouterr().out
    assert not {"\x1b", "\x9b", "\u202e"} & set(printed)
    assert json.loads(printed) == {NAME: [NAME]}
