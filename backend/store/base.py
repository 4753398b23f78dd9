"""What all tables share: how ids, times and JSON are stored, and how constraints are named.

The same SQL serves SQLite and PostgreSQL.
"""

import json
from datetime import UTC, datetime

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, MetaData, String, Table, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite numbers rows by itself only where the key is INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")
Json = JSON()


class JsonText(str):
    """JSON text for a JSON column, stored as it is; of ASCII letters, which every database takes."""


def write_json(value: object) -> str:
    """Return the value as JSON; what is JSON text already stays as it is."""
    return value if isinstance(value, JsonText) else json.dumps(value)


class UtcDateTime(TypeDecorator[datetime]):
    """Point in time, always UTC and aware; SQLite keeps no time zone of its own."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store as UTC; a naive time is refused, since nobody knows what it means."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SqlBase(DeclarativeBase):
    """Base of all tables. Constraints have names, so migrations can change them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(entity: type[SqlBase]) -> Table:
    """Return the table of a class, for statements that are not about objects."""
    table = entity.__table__
    assert isinstance(table, Table)  # narrows the declared type FromClause
    return table


class Leased:
    """Columns of work that one process does at a time, as `leases.py` has it.

    `active_project_id` is set until the work ends: a project has one of a kind at a time. `owner` names the
    process that does it, which must show itself before `lease_until` again.
    """

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    project_id: Mapped[int] = mapped_column(BigInteger)
    active_project_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
