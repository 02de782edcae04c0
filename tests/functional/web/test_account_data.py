"""Everything about somebody can be taken along, and erased: afterwards no table knows her address or her id."""

from __future__ import annotations

import csv
import io
import json
import re
import uuid
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from tests.website import Browser, Website

from byleave.errors import ConflictError
from byleave.log import Policy
from byleave.publish.keys import known_keys
from byleave.publish.releases import publish
from byleave.registry.account_erasure import erase_account
from byleave.registry.account_tables import Account, Invitation, Membership, OutboxMessage, Passkey
from byleave.registry.accounts import account_of, find_account
from byleave.registry.database import Database
from byleave.registry.metadata import METADATA
from byleave.registry.permissions import OPERATOR
from byleave.registry.rates import RATES, Allowance, Rate
from byleave.registry.retention import TABLE
from byleave.registry.sealing import Sealed
from byleave.registry.tables import ClaimEventRow
from byleave.release.receipts import Receipt

pytestmark = pytest.mark.functional
MARA = "mara@example.org"
LINK = "https://studio.example/mara-and-the-sea.jpg"
SECRETS = ("token_hash", "key_hash", "form_token", "code_hash")


@pytest.fixture
def mara(website: Website) -> Browser:
    """Give somebody who has left traces in as many tables as she can."""
    browser = website.browser()
    browser.sign_in(MARA)
    for link in (LINK, "https://studio.example/another.jpg"):
        browser.post("/choices", data={"form_token": browser.token(), "link": link, "answer": "no_training"})
    page = browser.get("/choices").text
    claim = re.findall(r'href="/choices/([0-9a-f]{32})"', page)[0]
    browser.post(f"/choices/{claim}/undo", data={"form_token": browser.token("/choices")})
    now = website.clock()
    with website.database.transaction() as session:
        account = account_of(session, MARA, now)
        studio = Account(
            id=uuid.uuid4(), kind="organisation", email=None, name="Her own studio", created_at=now
        )
        session.add(studio)
        session.flush()
        session.add(Membership(organisation_id=studio.id, person_id=account, role="admin", added_at=now))
        session.add(
            Passkey(
                credential_id=b"c",
                account_id=account,
                public_key=b"pk",
                sign_count=0,
                name="telephone",
                created_at=now,
            )
        )
        session.add(
            Invitation(
                code_hash=bytes(32),
                organisation_id=studio.id,
                email=MARA,
                role="viewer",
                created_at=now,
                expires_at=now,
            )
        )
        session.add(OutboxMessage(recipient=MARA, subject="Hello", body="A letter to Mara", created_at=now))
    return browser


def found_anywhere(database: Database, words: list[str]) -> Iterator[str]:
    """Yield every table and column in which one of ``words`` stands, as text, as bytes or sealed."""
    with database.transaction() as session:
        for sealed in (column for table in METADATA.sorted_tables for column in table.columns):
            if isinstance(sealed.type, Sealed):
                texts = session.execute(sa.select(sealed).where(sealed.is_not(None))).scalars().all()
                yield from (f"{sealed} holds {word}" for word in words if any(word in text for text in texts))
        names = [*((table.name, [c.name for c in table.columns]) for table in METADATA.sorted_tables)]
        names.append(("procrastinate_jobs", ["args", "lock", "queueing_lock"]))
        for table, columns in names:
            for column in columns:
                for word in words:
                    count = session.execute(
                        sa.text(f'SELECT count(*) FROM "{table}" WHERE CAST("{column}" AS text) ILIKE :word'),
                        {"word": f"%{word}%"},
                    ).scalar_one()
                    if count:
                        yield f"{table}.{column} holds {word}"


def everything(browser: Browser) -> zipfile.ZipFile:
    answer = browser.get("/account/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


def test_everything_about_somebody_is_in_her_export(website: Website, mara: Browser) -> None:
    archive = everything(mara)
    told = {name: json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")}
    kept = mara.get("/about").text
    assert all(row.what in kept and row.why in kept for row in TABLE.values()), "how long what is kept"
    assert [row["email"] for row in told["account.json"]] == [MARA]
    assert told["passkeys.json"][0]["public_key"] == b"pk".hex()
    assert [row["role"] for row in told["memberships.json"]] == ["admin"]
    assert {row["state"] for row in told["claims.json"]} == {"effective", "withdrawn"}
    assert [row["operation"] for row in told["events.json"]].count("register") == 2
    assert any(moment["what"] == "withdrawn" for row in told["timeline.json"] for moment in row["timeline"])
    assert any(row["subject"] == "Hello" for row in told["mails.json"])
    rows = list(csv.DictReader(io.StringIO(archive.read("targets.csv").decode())))
    assert LINK.removeprefix("https://") in {row["value"].removeprefix("https://") for row in rows}
    assert len(list(csv.DictReader(io.StringIO(archive.read("claims.csv").decode())))) == 2
    whole = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert not [word for word in SECRETS if f'"{word}"' in whole]
    receipts = [name for name in archive.namelist() if name.startswith("receipts/")]
    assert len(receipts) == 2
    for name in receipts:
        Receipt.parse(archive.read(name)).verify(Policy.of_keys(known_keys(website.settings)))


def test_who_exports_too_often_is_told_when_to_come_again(
    mara: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RATES, Rate.EXPORTS, Allowance(1, timedelta(days=1)))
    everything(mara)
    refused = mara.get("/account/export")
    assert refused.status_code == 429
    assert "Too often just now" in refused.text
    assert "More than 1 exports of this account in a day." in refused.text
    assert 1 <= int(refused.headers["retry-after"]) <= 86_400


def test_nobody_else_is_in_it(website: Website, mara: Browser) -> None:
    noah = website.browser()
    noah.sign_in("noah@example.org")
    archive = everything(noah)
    whole = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert MARA not in whole
    assert "mara-and-the-sea" not in whole
    assert "Send me a link" in website.browser().get("/account/export").text


def test_erasing_takes_one_button_and_leaves_neither_address_nor_id(website: Website, mara: Browser) -> None:
    with website.database.transaction() as session:
        account = find_account(session, MARA)
        before = session.execute(sa.select(sa.func.count()).select_from(ClaimEventRow)).scalar_one()
    assert account is not None
    words = [MARA, str(account), account.hex, "mara-and-the-sea", "A letter to Mara", "Her own studio"]
    there = set(found_anywhere(website.database, words))
    assert len(there) > 6, "there is something to be erased"
    assert {f"accounts.email holds {MARA}", f"outbox.recipient holds {MARA}"} <= there
    first = publish(website.database, website.settings, who=OPERATOR, at=website.clock()).release
    assert first.rows == 1

    token = mara.token("/account/erase")
    page = mara.post("/account/erase", data={"form_token": token})
    assert "Your account is gone, and 2 choices with it" in page.text
    assert MARA not in page.text
    assert "Send me a link" in mara.get("/choices").text

    assert list(found_anywhere(website.database, words)) == []
    with website.database.transaction() as session:
        operations = session.execute(
            sa.select(ClaimEventRow.operation, ClaimEventRow.record, ClaimEventRow.salt).order_by(
                ClaimEventRow.number
            )
        ).all()
    hers = [row for row in operations if row.operation != "policy"]
    assert [row.operation for row in hers[before:]] == ["erase", "erase"]
    assert all(row.record is None and row.salt is None for row in hers[:before])
    website.clock.ahead = timedelta(hours=1)
    after = publish(website.database, website.settings, who=OPERATOR, at=website.clock()).release
    assert after.rows == 0
    assert after.number > first.number


def test_whom_others_depend_on_is_told_what_to_do_first(website: Website, mara: Browser) -> None:
    now = website.clock()
    with website.database.transaction() as session:
        account = account_of(session, MARA, now)
        organisation = session.execute(sa.select(Membership.organisation_id)).scalar_one()
        noah = account_of(session, "noah@example.org", now)
        session.add(Membership(organisation_id=organisation, person_id=noah, role="viewer", added_at=now))
    with pytest.raises(ConflictError), website.database.transaction() as session:
        erase_account(session, account, who=OPERATOR, at=now)
    answer = mara.post("/account/erase", data={"form_token": mara.token("/account/erase")})
    assert answer.status_code == 409
    assert "only admin of Her own studio" in answer.text
    assert "make another member an admin" in answer.text.lower()
    studio = f"/organisations/{organisation}"
    assert mara.post(f"{studio}/close", data={"form_token": mara.token("/account")}).status_code == 400
    closed = mara.post(f"{studio}/close", data={"form_token": mara.token("/account"), "sure": "yes"})
    assert "The organisation is closed" in closed.text
    erased = mara.post("/account/erase", data={"form_token": mara.token("/account/erase")})
    assert erased.status_code == 200, erased.text


def test_every_column_can_be_looked_through() -> None:
    """So that the search above misses none: JSON and arrays are looked at as text, bytes as hex."""
    kinds = {type(column.type) for table in METADATA.sorted_tables for column in table.columns}
    assert JSONB in kinds
