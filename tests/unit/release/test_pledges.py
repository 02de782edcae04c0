"""A pledge and feedback say what was signed, in the form that was agreed, or are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests import foreign_verifier
from tests.logs import signing_key

from byleave.consent import Evidence, Regime, Standard, TargetKind, Use
from byleave.errors import FormatError, InputError, NotFoundError, VerificationError
from byleave.release import pledges
from byleave.release.feedback import MOST_VERDICTS, Feedback, Outcome, Verdict, verdicts_of
from byleave.release.pledges import Pledge, files_at
from byleave.release.statements import Statement, open_statement, sign_statement

KEY = signing_key("models.example")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLEDGE = Pledge(
    organisation="Models",
    registry="registry.example/log",
    dataset="many links",
    regime=Regime.OPT_IN,
    uses=(Use.TRAIN_GEN, Use.TDM),
    most_lag_days=30,
    made_at=NOW,
    minimum=Standard(deny=Evidence.E1, allow=Evidence.E3),
)
CLAIM = bytes(range(16))


def test_a_pledge_reads_back_and_other_code_reads_the_same() -> None:
    envelope = sign_statement(PLEDGE.statement(), KEY)
    assert open_statement(envelope, [KEY.verifier]).read(Pledge.parse).said == PLEDGE
    said = foreign_verifier.statement(envelope, str(KEY.verifier))["predicate"]
    assert (said["regime"], said["most_lag_days"]) == ("opt_in", 30)
    assert said["minimum_evidence"] == {"deny": "E1", "conditional": "E0", "allow": "E3"}


def test_a_pledge_names_the_files_where_they_are_known(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "links.txt").write_text("http://a.example/1\n")
    named = replace(PLEDGE, files=files_at(tmp_path))
    read = Pledge.parse(named.statement())
    assert [file.name for file in read.files] == ["a/links.txt"]
    assert files_at(tmp_path / "a" / "links.txt")[0].name == "links.txt"


def test_files_that_cannot_be_named_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError):
        files_at(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no file"):
        files_at(tmp_path)
    (tmp_path / "one").touch()
    (tmp_path / "two").touch()
    monkeypatch.setattr(pledges, "MOST_FILES", 1)
    with pytest.raises(InputError, match="more than 1"):
        files_at(tmp_path)
    (tmp_path / "one").unlink()
    (tmp_path / "two").rename(tmp_path / "line\nfeed")
    with pytest.raises(InputError, match="written down"):
        files_at(tmp_path)


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_a_lag_that_is_none_or_endless_is_refused(days: int) -> None:
    with pytest.raises(InputError):
        replace(PLEDGE, most_lag_days=days)


WRONG: list[tuple[str, Any]] = [
    ("regime", "opt_some"),
    ("uses", []),
    ("uses", ["train_gen", "train_gen"]),
    ("most_lag_days", True),
    ("most_lag_days", 0),
    ("made_at", "2026-11-22T12:00:00"),
    ("made_at", 7),
    ("organisation", "two\nlines"),
    ("minimum_evidence", {"deny": "E9"}),
    ("minimum_evidence", []),
    ("dataset", None),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{at}-{name}" for at, (name, _) in enumerate(WRONG)])
def test_a_pledge_that_says_what_cannot_be_is_refused(name: str, value: Any) -> None:
    right = PLEDGE.statement()
    wrong = Statement(right.subjects, right.predicate_type, {**right.predicate, name: value})
    with pytest.raises(FormatError, match="pledge cannot be read"):
        Pledge.parse(wrong)
    lacks = {member: said for member, said in right.predicate.items() if member != name}
    with pytest.raises(FormatError, match=f": {name} is missing"):
        Pledge.parse(Statement(right.subjects, right.predicate_type, lacks))


def test_one_kind_of_statement_is_not_read_as_another() -> None:
    feedback = Feedback("Models", "registry.example/log", NOW, (Verdict(CLAIM, Outcome.APPLIED),))
    with pytest.raises(FormatError, match="no pledge"):
        Pledge.parse(feedback.statement())
    with pytest.raises(VerificationError):
        open_statement(sign_statement(PLEDGE.statement(), KEY), [signing_key("others.example").verifier])


def test_feedback_reads_back() -> None:
    verdicts = (
        Verdict(CLAIM, Outcome.APPLIED, rows=7),
        Verdict(CLAIM[::-1], Outcome.SUSPECTED_FALSE, (TargetKind.URL, bytes(32)), why="Not hers"),
    )
    said = Feedback("Models", "registry.example/log", NOW, verdicts)
    assert Feedback.parse(open_statement(sign_statement(said.statement(), KEY), [KEY.verifier]).said) == said


def test_feedback_about_too_much_at_once_is_refused() -> None:
    verdicts = tuple(Verdict(at.to_bytes(16), Outcome.APPLIED) for at in range(MOST_VERDICTS + 1))
    with pytest.raises(FormatError):
        Feedback.parse(Feedback("Models", "registry.example/log", NOW, verdicts).statement())


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"claim": "00", "outcome": "applied"},
        {"claim": "no id", "outcome": "applied"},
        {"claim": CLAIM.hex(), "outcome": "perhaps"},
        {"claim": CLAIM.hex(), "outcome": "applied", "rows": -1},
        {"claim": CLAIM.hex(), "outcome": "applied", "why": "x" * 501},
        {"claim": CLAIM.hex(), "outcome": "applied", "target": {"kind": "url", "digest": "00"}},
        7,
    ],
    ids=json.dumps,
)
def test_a_line_of_feedback_that_cannot_be_read_is_named(line: Any) -> None:
    with pytest.raises(FormatError, match="line 2"):
        verdicts_of([{"claim": CLAIM.hex(), "outcome": "applied"}, line])
