"""Addresses, and mails that wait, are sealed under a key that is not in the database."""

from collections.abc import Callable
from functools import partial
from typing import Any

import sqlalchemy as sa
from alembic import op

from byleave.registry.sealing import ADDRESS, MAIL, seal_of

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = (
    ("accounts", "id", "email", ADDRESS),
    ("invitations", "code_hash", "email", ADDRESS),
    ("sign_in_links", "code_hash", "email", ADDRESS),
    ("outbox", "id", "recipient", ADDRESS),
    ("outbox", "id", "body", MAIL),
    ("outbox", "id", "unsubscribe", MAIL),
)


def upgrade() -> None:
    op.drop_constraint(op.f("ck_accounts_email"), "accounts")
    seal = seal_of(op.get_bind())
    for table, key, column, purpose in COLUMNS:
        _change(table, key, column, sa.LargeBinary, partial(seal.close, purpose))


def downgrade() -> None:
    seal = seal_of(op.get_bind())
    for table, key, column, purpose in COLUMNS:
        _change(table, key, column, sa.Text, partial(seal.open, purpose))
    op.create_check_constraint(op.f("ck_accounts_email"), "accounts", "email = lower(email)")


def _change(
    table: str, key: str, column: str, kind: type[sa.LargeBinary | sa.Text], change: Callable[[Any], Any]
) -> None:
    """Let a column hold other values; the table is written anew by it, so that no file goes on holding the old ones."""
    connection = op.get_bind()
    op.add_column(table, sa.Column("changed", kind()))
    rows = sa.table(table, sa.column(key), sa.column(column), sa.column("changed"))
    old = sa.select(rows.c[key], rows.c[column]).where(rows.c[column].is_not(None))
    for number, value in connection.execute(old).all():
        connection.execute(sa.update(rows).where(rows.c[key] == number).values(changed=change(value)))
    op.alter_column(table, column, type_=kind(), postgresql_using="changed")
    op.drop_column(table, "changed")
