"""Numbered SQL files become the schema, each applied once and whole or not at all.

The record of what was applied is sqlite-utils' own table, so `sqlite-utils migrate --list` shows it
to support staff. Forward only: a column is added, filled, and only much later dropped.
"""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from pathlib import Path

import sqlite_utils
from sqlite_utils import Migrations


def load(name: str, package: str) -> Migrations:
    """Return the migrations in `package` (its `*.sql` files in name order) under `name`."""
    migrations = Migrations(name)
    scripts = sorted(
        (entry for entry in files(package).iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    for script in scripts:
        text = script.read_text(encoding="utf-8")

        def apply(db: sqlite_utils.Database, text: str = text) -> None:
            for statement in statements(text):
                db.conn.execute(statement)

        migrations(name=script.name.removesuffix(".sql"))(apply)
    return migrations


def statements(script: str) -> list[str]:
    """Split an SQL script into statements.

    `executescript` would commit the open transaction first, and half a schema could stay behind.
    """
    found: list[str] = []
    waiting = ""
    for line in script.splitlines(keepends=True):
        waiting += line
        if sqlite3.complete_statement(waiting):
            found.append(waiting)
            waiting = ""
    return found


def migrate(path: Path, name: str, package: str) -> list[str]:
    """Bring the file at `path` up to date; return the names of the migrations applied now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite_utils.Database(path)
    try:
        migrations = load(name, package)
        waiting = [migration.name for migration in migrations.pending(database)]
        migrations.apply(database)
    finally:
        database.close()
    return waiting


def pending(path: Path, name: str, package: str) -> list[str]:
    """Return the names of migrations that `path` still lacks."""
    database = sqlite_utils.Database(path)
    try:
        return [migration.name for migration in load(name, package).pending(database)]
    finally:
        database.close()
