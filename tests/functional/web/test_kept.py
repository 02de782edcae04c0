"""The public page says who signed to have kept what, how late they are, and nothing that was not signed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from tests.website import Website

from byleave.errors import InputError, NotFoundError, RefusedError
from byleave.log import JSON
from byleave.registry.account_tables import Account
from byleave.registry.database import Database
from byleave.registry.events import append_event
from byleave.registry.kept import Line, Outcome, kept_lines
from byleave.registry.models import Model, add_model, models, remove_model
from byleave.registry.permissions import OPERATOR, VISITOR
from byleave.registry.statement_tables import StatementRow

pytestmark = pytest.mark.functional
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = "https://models.example/card"


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.transaction() as session:
        yield session
        session.rollback()


def a_lab(session: Session, name: str = "Lab") -> uuid.UUID:
    lab = Account(id=uuid.uuid4(), kind="organisation", email=None, name=name, created_at=NOW)
    session.add(lab)
    session.flush()
    return lab.id


def signs(session: Session, lab: uuid.UUID, kind: str, made_at: datetime, **facts: object) -> None:
    record: dict[str, JSON] = {"v": 1, "op": kind}
    event = append_event(
        session, uuid.uuid4().bytes, kind, actor="claimant", at=made_at, record=lambda _: record
    )
    said = {"dataset": "many links", "regime": "opt_out", **facts}
    session.add(
        StatementRow(
            sha256=uuid.uuid4().bytes * 2,
            organisation_id=lab,
            kind=kind,
            envelope=b"{}",
            event=event.number,
            at=made_at,
            made_at=made_at,
            **said,
        )
    )
    session.flush()


def applied(session: Session, lab: uuid.UUID, days_ago: int, number: int = 0) -> None:
    at = NOW - days_ago * DAY
    signs(session, lab, "attest", at, number=number, published_at=at, entries=10, removed=1)


def a_choice(session: Session, at: datetime) -> None:
    append_event(session, uuid.uuid4().bytes, "register", actor="claimant", at=at, record=lambda _: {"v": 1})


def model(dated: datetime = NOW - 10 * DAY, **others: str) -> Model:
    facts = {"name": "Painter 2", "organisation": "Lab", "dataset": "many links", "source": SOURCE} | others
    return Model(**facts, dated=dated)


def of_model(session: Session, at: datetime = NOW) -> Line:
    (line,) = [line for line in kept_lines(session, at) if line.model]
    return line


def test_a_young_list_is_kept_and_an_old_one_is_late(session: Session) -> None:
    applied(session, a_lab(session, "Early"), 29)
    applied(session, a_lab(session, "Late"), 31)
    early, late = kept_lines(session, NOW)
    assert (early.outcome, late.outcome) == (Outcome.KEPT, Outcome.LATE)
    assert late.lag == 31 * DAY


def test_a_pledge_says_how_old_it_may_be(session: Session) -> None:
    lab = a_lab(session)
    signs(session, lab, "pledge", NOW - 20 * DAY, most_lag_days=7)
    assert [line.outcome for line in kept_lines(session, NOW)] == [Outcome.NOTHING]
    applied(session, lab, 8)
    (line,) = kept_lines(session, NOW)
    assert (line.outcome, line.most_lag) == (Outcome.LATE, 7 * DAY)
    assert line.pledged_at == NOW - 20 * DAY


def test_a_run_that_took_out_less_than_promised_keeps_nothing(session: Session) -> None:
    lab = a_lab(session)
    at = NOW - DAY
    said = {"number": 0, "published_at": at, "entries": 10, "removed": 0}
    signs(session, lab, "attest", at, **said | {"regime": "research"})
    assert [line.outcome for line in kept_lines(session, NOW)] == [Outcome.NOTHING]
    signs(session, lab, "attest", at, **said)
    assert [line.outcome for line in kept_lines(session, NOW)] == [Outcome.KEPT]
    signs(session, lab, "pledge", at, most_lag_days=7, regime="opt_in")
    assert [line.outcome for line in kept_lines(session, NOW)] == [Outcome.NOTHING]
    signs(session, lab, "attest", at, **said | {"regime": "opt_in"})
    assert [line.outcome for line in kept_lines(session, NOW)] == [Outcome.KEPT]


def test_choices_made_since_are_counted(session: Session) -> None:
    lab = a_lab(session)
    applied(session, lab, 5)
    (before,) = kept_lines(session, NOW)
    for _ in range(3):
        a_choice(session, NOW - DAY)
    (after,) = kept_lines(session, NOW)
    assert after.since is not None
    assert before.since is not None
    assert after.since - before.since == 3


def test_a_model_is_judged_by_the_day_of_its_source(session: Session) -> None:
    lab = a_lab(session)
    add_model(session, model(), who=OPERATOR, at=NOW)
    assert of_model(session).outcome is Outcome.NOTHING
    applied(session, lab, 3)
    assert of_model(session).outcome is Outcome.NOTHING, "what was signed later says nothing of it"
    applied(session, lab, 12)
    assert (of_model(session).outcome, of_model(session).lag) == (Outcome.KEPT, 3 * DAY)
    assert of_model(session, NOW + 100 * DAY).outcome is Outcome.KEPT, "what it was does not change"


def test_of_two_organisations_of_one_name_neither_speaks_for_a_model(session: Session) -> None:
    add_model(session, model(), who=OPERATOR, at=NOW)
    applied(session, a_lab(session), 12)
    assert of_model(session).outcome is Outcome.KEPT
    applied(session, a_lab(session), 12)
    assert of_model(session).outcome is Outcome.NOTHING
    assert len(kept_lines(session, NOW)) == 3


def test_a_model_needs_a_source_with_a_day(session: Session) -> None:
    for wrong in (
        model(source="somebody told me"),
        model(source="javascript:alert(1)"),
        model(name=""),
        model(dated=NOW + DAY),
    ):
        with pytest.raises(InputError):
            add_model(session, wrong, who=OPERATOR, at=NOW)
    with pytest.raises(RefusedError):
        add_model(session, model(), who=VISITOR, at=NOW)
    add_model(session, model(), who=OPERATOR, at=NOW)
    add_model(session, model(source=SOURCE + "/2"), who=OPERATOR, at=NOW)
    assert [one.source for one in models(session)] == [SOURCE + "/2"]
    remove_model(session, "Painter 2", "Lab", "many links", who=OPERATOR)
    with pytest.raises(NotFoundError):
        remove_model(session, "Painter 2", "Lab", "many links", who=OPERATOR)


def test_everybody_reads_it_as_a_page_and_as_data(website: Website) -> None:
    visitor = website.browser()
    assert "Nobody has handed in" in visitor.get("/kept").text
    with website.database.transaction() as session:
        lab = a_lab(session, "<b>Lab</b>")
        applied(session, lab, 2 - (website.clock() - NOW).days)
        add_model(session, model(organisation="Others"), who=OPERATOR, at=website.clock() + 400 * DAY)
    page = visitor.get("/kept").text
    assert "&lt;b&gt;Lab&lt;/b&gt;" in page
    assert f'href="{SOURCE}"' in page
    assert page.count('class="state ') == 2
    assert "Nobody here audits it" in page
    said = visitor.get("/api/v1/kept").json()["kept"]
    assert {(line["organisation"], line["outcome"]) for line in said} == {
        ("<b>Lab</b>", "kept"),
        ("Others", "no statement found"),
    }
    with website.database.transaction() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(StatementRow)).scalar_one() == 1


def test_what_is_said_of_a_line_stands_as_sentences(website: Website) -> None:
    with website.database.transaction() as session:
        lab, days = a_lab(session), (website.clock() - NOW).days
        signs(session, lab, "pledge", NOW + days * DAY - 20 * DAY, most_lag_days=30)
        applied(session, lab, 15 - days)
        add_model(session, model(NOW + (days - 10) * DAY), who=OPERATOR, at=website.clock())
    words = " ".join(re.sub(r"<[^>]*>", "", website.browser().get("/kept").text).split())
    assert words.count(". Promised") == 2
    assert words.count(". Signed statement") == 2
    assert ".Promised" not in words
    assert ".Signed" not in words
