"""Who works here: badges, names for screens, roles, languages."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec


class Person(msgspec.Struct, frozen=True):
    """One badge. `role` is lead, picker, packer or receiver."""

    badge: str
    name: str
    role: str
    language: str = "zh-CN"


def get(sql: sqlite3.Connection, badge: str) -> Person | None:
    """Return who carries `badge`, or None."""
    row = sql.execute(
        "SELECT badge, name, role, language FROM people WHERE badge = ?", (badge,)
    ).fetchone()
    return Person(*row) if row else None


def put(sql: sqlite3.Connection, people: Iterable[Person]) -> None:
    """Add or replace people."""
    sql.executemany(
        "INSERT INTO people (badge, name, role, language) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (badge) DO UPDATE SET name = excluded.name, role = excluded.role, "
        "language = excluded.language",
        [(one.badge, one.name, one.role, one.language) for one in people],
    )


def set_language(sql: sqlite3.Connection, badge: str, language: str) -> None:
    """Remember the language a person chose."""
    sql.execute("UPDATE people SET language = ? WHERE badge = ?", (language, badge))


def count(sql: sqlite3.Connection) -> int:
    """Return how many badges are known."""
    return int(sql.execute("SELECT COUNT(*) FROM people").fetchone()[0])
