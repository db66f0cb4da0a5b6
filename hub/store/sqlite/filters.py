"""Filters of a list: each one column, given by name, joined with AND."""

from __future__ import annotations

from collections.abc import Mapping


def where(filters: Mapping[str, str], columns: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return (SQL after WHERE, parameters) for those `filters` that name one of `columns`.

    Column names come from `columns`, never from the caller, so no text of a request becomes SQL.
    """
    used = [column for column in columns if filters.get(column)]
    clause = " AND ".join(f"{column} = ?" for column in used) or "1 = 1"
    return clause, [filters[column] for column in used]


def marks(count: int) -> str:
    """Return `?,?,?` for an IN list of `count` values."""
    return ",".join("?" * count)
