"""The schema's numbered files, applied once each to a server, by one process at a time.

The record has the shape of sqlite-utils' own table, so support staff find the same list on both
databases. All waiting files go in together or not at all.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

from hub.store.postgres.locks import Lock, wait_for
from hub.store.postgres.sql import PostgresSql

SET_NAME: Final = "hub"
PACKAGE: Final = "hub.store.migrations_postgres"
TABLE: Final = "_sqlite_migrations"
"""The name sqlite-utils gave it; kept, so that one question works on both databases."""


def _scripts() -> dict[str, str]:
    """Return the files by name, in order."""
    entries = sorted(files(PACKAGE).iterdir(), key=lambda entry: entry.name)
    return {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in entries
        if entry.name.endswith(".sql")
    }


def _applied(sql: PostgresSql) -> set[str]:
    there = sql.execute("SELECT to_regclass(?)", (TABLE,)).fetchone()
    if there is None or there[0] is None:
        return set()
    rows = sql.execute(f"SELECT name FROM {TABLE} WHERE migration_set = ?", (SET_NAME,))  # noqa: S608
    return {str(row[0]) for row in rows}


def pending(sql: PostgresSql) -> list[str]:
    """Return the names of migrations that the books still lack."""
    applied = _applied(sql)
    return [name for name in _scripts() if name not in applied]


def migrate(sql: PostgresSql) -> list[str]:
    """Bring the books up to date; return the names of the migrations applied now."""
    sql.script("BEGIN")
    try:
        wait_for(sql, Lock.SCHEMA)
        sql.script(
            f"CREATE TABLE IF NOT EXISTS {TABLE} (migration_set text NOT NULL, name text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (migration_set, name))"
        )
        waiting = pending(sql)
        scripts = _scripts()
        for name in waiting:
            sql.script(re.sub(r"^--.*$", "", scripts[name], flags=re.MULTILINE))
            sql.execute(
                f"INSERT INTO {TABLE} (migration_set, name) VALUES (?, ?)",  # noqa: S608
                (SET_NAME, name),
            )
    except BaseException:
        sql.script("ROLLBACK")
        raise
    sql.script("COMMIT")
    return waiting
