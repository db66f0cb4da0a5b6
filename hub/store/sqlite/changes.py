"""Writing only what changed: a parcel that was packed keeps its waybill, courier and explanation.

A row that was read and changed is written column by column, so the database touches only the
indexes whose columns changed. Rows that changed in the same columns share one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from operator import attrgetter
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
    read = attrgetter(*fields)
    groups: dict[tuple[int, ...], list[list[Any]]] = {}
    for before, after in pairs:
        new = read(after)
        columns = zip(count(), read(before), new, strict=False)
        changed = tuple([place for place, was, now in columns if was is not now and was != now])
        if changed:
            values = [stored(fields[place], new[place]) for place in changed]
            groups.setdefault(changed, []).append([*values, getattr(after, key)])
    found = []
    for places, rows in groups.items():
        names = [fields[place] for place in places]
        assignments = ", ".join(f"{field} = ?" for field in names)
        found.append((f"UPDATE {table} SET {assignments} WHERE {key} = ?", rows))  # noqa: S608
    return found
