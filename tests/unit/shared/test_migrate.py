"""Migrations apply once, whole or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from shared.runtime.migrate import migrate, pending


@pytest.mark.parametrize("node", ["edge", "hub"])
def test_a_new_file_gets_every_migration_and_a_second_run_none(tmp_path: Path, node: str) -> None:
    path = tmp_path / "new" / "node.db"
    first = migrate(path, node, f"{node}.store.migrations")
    assert first == sorted(first)
    assert first[0].startswith("0001_")
    assert migrate(path, node, f"{node}.store.migrations") == []
    assert pending(path, node, f"{node}.store.migrations") == []


def test_a_migration_that_fails_halfway_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "broken_migrations"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "0001_halfway.sql").write_text(
        "CREATE TABLE a (n INTEGER);\nCREATE TABLE a (n INTEGER);\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "broken.db"
    with pytest.raises(sqlite3.OperationalError):
        migrate(path, "broken", "broken_migrations")
    with sqlite3.connect(path) as sql:
        tables = sql.execute("SELECT name FROM sqlite_master WHERE name = 'a'").fetchall()
    assert tables == []
    assert pending(path, "broken", "broken_migrations") == ["0001_halfway"]
