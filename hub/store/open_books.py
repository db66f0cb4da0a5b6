"""Which database keeps the books: a file by default, a server when one machine is outgrown."""

from __future__ import annotations

from pathlib import Path

from hub.store.sqlite.hub_store import MIGRATIONS, SqliteHub
from hub.store.sqlite.hub_store import open_hub as open_sqlite
from shared.domain.errors import InvalidInput
from shared.domain.ports import Clock, Entropy
from shared.runtime import migrate as schema


def open_books(path: Path, postgres_url: str, clock: Clock, entropy: Entropy) -> SqliteHub:
    """Bring the books up to date and open them: at `postgres_url` if given, else in `path`."""
    if not postgres_url:
        return open_sqlite(path, clock, entropy)
    try:
        from hub.store.postgres.hub_store import open_hub as open_postgres
    except ImportError as error:
        raise _extra_missing() from error
    return open_postgres(postgres_url, clock, entropy)


def migrate_books(path: Path, postgres_url: str) -> list[str]:
    """Bring the schema up to date; return the names of the migrations applied now."""
    if not postgres_url:
        return schema.migrate(path, *MIGRATIONS)
    from hub.store.postgres.migrate import migrate
    from hub.store.postgres.sql import connect

    sql = connect(postgres_url, name="migrate")
    try:
        return migrate(sql)
    finally:
        sql.connection.close()


def pending_migrations(path: Path, postgres_url: str) -> list[str]:
    """Return the names of migrations that the books still lack."""
    if not postgres_url:
        return schema.pending(path, *MIGRATIONS)
    from hub.store.postgres.migrate import pending
    from hub.store.postgres.sql import connect

    sql = connect(postgres_url, name="migrate")
    try:
        return pending(sql)
    finally:
        sql.connection.close()


def _extra_missing() -> InvalidInput:
    return InvalidInput(
        "settings",
        "BINCARD_HUB_DATABASE_URL names a PostgreSQL server, but its driver is not installed.",
        hint="Install it with `pip install bincard[postgres]`.",
    )
