"""Alembic's entry: the server hands over its connection; the command line opens DATABASE_URL itself."""

from alembic import context
from sqlalchemy import Connection, create_engine

from backend.settings import read_settings
from backend.store import ledger_tables, report_tables, training_tables
from backend.store.base import SqlBase

# Imported, so that the metadata know all tables.
_TABLES = (ledger_tables, report_tables, training_tables)


def _migrate(connection: Connection) -> None:
    # Batch mode lets SQLite, which cannot alter a column, rebuild the table instead.
    context.configure(connection=connection, target_metadata=SqlBase.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _migrate(given)
else:
    with create_engine(read_settings().database_address).begin() as opened:
        _migrate(opened)
