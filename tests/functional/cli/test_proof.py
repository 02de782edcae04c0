"""`byleave proof`, as an operator runs it."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.functional.cli.commands import byleave

if TYPE_CHECKING:
    from byleave.registry.database import Database

pytestmark = pytest.mark.functional


def test_the_operator_enters_that_an_organisation_vouches(database: Database, registry_home: Path) -> None:
    from byleave.registry.accounts import account_of
    from byleave.registry.delegations import let_act
    from byleave.registry.organisations import create_organisation
    from byleave.registry.permissions import Role, Who

    now = datetime.now(UTC)
    with database.transaction() as session:
        ann = Who(Role.CLAIMANT, account_of(session, "ann@example.com", now))
        bob = Who(Role.CLAIMANT, account_of(session, "bob@example.com", now))
        agency = create_organisation(session, "Agency", who=bob, at=now).id
    words = ("proof", "vouch", "deviantart.com/jane", "--organisation", agency, "--artist", "ann@example.com")
    refused = byleave(*words, home=registry_home)
    assert (refused.returncode, "does not let" in refused.stderr) == (4, True)
    with database.transaction() as session:
        let_act(session, agency, who=ann, at=now)
    told = json.loads(byleave(*words, "--json", home=registry_home).stdout)
    assert (told["place"], told["evidence"]) == ("deviantart.com/jane/", "E5")
    unknown = byleave(*words[:-1], "nobody@example.com", home=registry_home)
    assert (unknown.returncode, "nobody has signed in" in unknown.stderr) == (2, True)
    assert byleave(*words[:4], uuid.UUID(int=0).hex[:5], *words[5:], home=registry_home).returncode == 2
    looked = json.loads(byleave("proof", "check", "--json", home=registry_home).stdout)
    assert looked == {"looked_at": 0}
