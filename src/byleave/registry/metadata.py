"""All tables of the registry together, for whoever must not miss one: migrations, backups and their tests."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData

from byleave.registry import (
    account_tables,
    draft_tables,
    following_tables,
    guard_tables,
    proof_tables,
    statement_tables,
    tables,
)
from byleave.registry.orm import Base

MODULES: Final = (
    tables,
    account_tables,
    proof_tables,
    guard_tables,
    following_tables,
    draft_tables,
    statement_tables,
)
"""Loading a module of tables is what adds them to the metadata."""

METADATA: Final[MetaData] = Base.metadata
