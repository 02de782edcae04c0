"""What every table of the registry is made of: the base class, its types, and checks that a column holds what it may."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from sqlalchemy import BigInteger, CheckConstraint, DateTime, LargeBinary, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
SerialKey = Annotated[int, mapped_column(BigInteger, primary_key=True)]


class Base(DeclarativeBase):
    """Every table of ours; the tables of the job queue belong to Procrastinate and are not among them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, bytes: LargeBinary, datetime: DateTime(timezone=True), int: BigInteger}  # noqa: RUF012 - SQLAlchemy reads it so


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """Let a column hold one of these words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def long(column: str, size: int) -> CheckConstraint:
    """Let a column hold exactly so many bytes."""
    return CheckConstraint(f"octet_length({column}) = {size}", name=column)


def up_to(column: str, highest: int) -> CheckConstraint:
    """Let a column hold a number from 0."""
    return CheckConstraint(f"{column} BETWEEN 0 AND {highest}", name=column)
