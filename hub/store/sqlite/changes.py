"""Writing only what changed: a parcel that was packed keeps its waybill, courier and explanation.

A row that was read and changed is written column by column, so the database touches only the
indexes whose columns changed. Rows that changed in the same columns share one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

Pair = tuple[msgspec.Struct, msgspec.Struct]
"""One row as the database has it, and as it shall be."""


def updates(
    table: str,
    key: str,
    fields: Sequence[str],
    pairs: Iterable[Pair],
    stored: Callable[[str, Any], Any] = lambda _, value: value,
) -> list[tuple[str, list[list[Any]]]]:
    """Return (statement, parameters of each row) that make every first row of `pairs` the second.

    Only columns in `fields` are compared; `stored` turns a field's value into the column's.
    """
    groups: dict[tuple[str, ...], list[list[Any]]] = {}
    for before, after in pairs:
        changed: list[str] = []
        values: list[Any] = []
        for field in fields:
            old, new = getattr(before, field), getattr(after, field)
            if old is not new and old != new:
                changed.append(field)
                values.append(stored(field, new))
        if changed:
            values.append(getattr(after, key))
            groups.setdefault(tuple(changed), []).append(values)
    found = []
    for names, rows in groups.items():
        assignments = ", ".join(f"{field} = ?" for field in names)
        found.append((f"UPDATE {table} SET {assignments} WHERE {key} = ?", rows))  # noqa: S608
    return found
