"""Serial numbers on SQLite: one place each, every life of them, open disputes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from hub.domain.rows import Dispute, SerialEntry, SerialRow
from hub.store.sqlite.changes import updates
from hub.store.sqlite.filters import marks
from shared.domain.serial import ON_HAND

_FIELDS: Final = SerialRow.__struct_fields__
_COLUMNS: Final = ", ".join(_FIELDS)
_CHANGING: Final = tuple(field for field in _FIELDS if field not in {"serial", "sku"})
_ENTRY_FIELDS: Final = SerialEntry.__struct_fields__
_ENTRY_COLUMNS: Final = ", ".join(_ENTRY_FIELDS)
_DISPUTE_FIELDS: Final = Dispute.__struct_fields__
_DISPUTE_COLUMNS: Final = ", ".join(_DISPUTE_FIELDS)
ASK_MAX: Final = 500
"""Keys named in one question."""


class SqliteSerials:
    """See `hub.store.protocol_goods.SerialBook`."""

    def __init__(self, sql: sqlite3.Connection) -> None:
        """Work on the connection of one transaction."""
        self._sql = sql

    def get(self, serial: str) -> SerialRow | None:
        """Return where a serial number is."""
        row = self._sql.execute(
            f"SELECT {_COLUMNS} FROM serials WHERE serial = ?",  # noqa: S608  constant columns
            (serial,),
        ).fetchone()
        return None if row is None else SerialRow(**dict(zip(_FIELDS, row, strict=True)))

    def known(self, serials: Iterable[str]) -> list[SerialRow]:
        """Return those of `serials` that the books know."""
        wanted = list(serials)
        found: list[SerialRow] = []
        for start in range(0, len(wanted), ASK_MAX):
            part = wanted[start : start + ASK_MAX]
            rows = self._sql.execute(
                f"SELECT {_COLUMNS} FROM serials"  # noqa: S608  constant columns
                f" WHERE serial IN ({marks(len(part))})",
                part,
            )
            found += [SerialRow(**dict(zip(_FIELDS, row, strict=True))) for row in rows]
        return found

    def put(self, row: SerialRow, entry: SerialEntry) -> None:
        """Record where a serial number is now, and the history line that says why."""
        self.put_many((row,))
        self.note(row.serial, entry)

    def put_many(self, rows: Iterable[SerialRow]) -> None:
        """Record where serial numbers are now."""
        self._sql.executemany(
            f"INSERT INTO serials ({_COLUMNS}) VALUES"  # noqa: S608  constant columns
            " (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (serial) DO UPDATE SET"
            " state = excluded.state, warehouse = excluded.warehouse, place = excluded.place,"
            " life = excluded.life, parcel_id = excluded.parcel_id, load_id = excluded.load_id,"
            " changed_ms = excluded.changed_ms",
            [msgspec.structs.astuple(row) for row in rows],
        )

    def change_many(self, pairs: Iterable[tuple[SerialRow, SerialRow]]) -> None:
        """Write what differs between serial numbers as they were read and as they are now."""
        for statement, rows in updates("serials", "serial", _CHANGING, pairs):
            self._sql.executemany(statement, rows)

    def note(self, serial: str, entry: SerialEntry) -> None:
        """Add a history line without moving the serial number."""
        self.note_many(((serial, entry),))

    def note_many(self, entries: Iterable[tuple[str, SerialEntry]]) -> None:
        """Add history lines in their order."""
        self._sql.executemany(
            f"INSERT INTO serial_history (serial, {_ENTRY_COLUMNS})"  # noqa: S608  constant
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(serial, *msgspec.structs.astuple(entry)) for serial, entry in entries],
        )

    def history(self, serial: str) -> list[SerialEntry]:
        """Return every line of a serial number's history, oldest first."""
        rows = self._sql.execute(
            f"SELECT {_ENTRY_COLUMNS} FROM serial_history"  # noqa: S608  constant columns
            " WHERE serial = ? ORDER BY history_id",
            (serial,),
        )
        return [SerialEntry(**dict(row)) for row in rows]

    def confirm_load(self, load_id: str, serials: Iterable[str]) -> int:
        """Mark those of `serials` that came with an import as confirmed; return how many."""
        wanted = list(serials)
        confirmed = 0
        for start in range(0, len(wanted), ASK_MAX):
            part = wanted[start : start + ASK_MAX]
            confirmed += self._sql.execute(
                "UPDATE serials SET load_id = NULL WHERE load_id = ?"  # noqa: S608  marks only
                f" AND serial IN ({marks(len(part))})",
                (load_id, *part),
            ).rowcount
        return confirmed

    def of_load(self, load_id: str) -> list[SerialRow]:
        """Return the serial numbers of an import that is not confirmed."""
        rows = self._sql.execute(
            f"SELECT {_COLUMNS} FROM serials WHERE load_id = ?",  # noqa: S608  constant columns
            (load_id,),
        )
        return [SerialRow(**dict(zip(_FIELDS, row, strict=True))) for row in rows]

    def confirmed_on_hand(self, warehouse: str) -> int:
        """Return how many serial numbers the warehouse's own facts place inside it."""
        states = sorted(ON_HAND)
        inside = marks(len(states))
        row = self._sql.execute(
            "SELECT (SELECT count(*) FROM serials WHERE warehouse = ?1"  # noqa: S608  marks only
            f"  AND state IN ({inside})) - (SELECT count(*) FROM serials"
            " INDEXED BY serials_by_load"
            f"  WHERE load_id IS NOT NULL AND warehouse = ?1 AND state IN ({inside}))"
            " + (SELECT count(*) FROM disputes WHERE settled_ms IS NULL"
            f"  AND second_warehouse = ?1 AND second_state IN ({inside}))"
            " - (SELECT coalesce(sum(unnamed_lost), 0) FROM on_hand WHERE warehouse = ?1)",
            (warehouse, *states, *states, *states),
        ).fetchone()
        return int(row[0])

    def open_dispute(self, serial: str, second_warehouse: str) -> Dispute | None:
        """Return the dispute that a warehouse opened over a serial number, if nobody settled it."""
        row = self._sql.execute(
            f"SELECT {_DISPUTE_COLUMNS} FROM disputes"  # noqa: S608  constant columns
            " WHERE serial = ? AND second_warehouse = ? AND settled_ms IS NULL",
            (serial, second_warehouse),
        ).fetchone()
        return None if row is None else Dispute(**dict(row))

    def put_dispute(self, dispute: Dispute) -> None:
        """Open a dispute, or note what the second warehouse says now."""
        self._sql.execute(
            f"INSERT INTO disputes ({_DISPUTE_COLUMNS})"  # noqa: S608  constant columns
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (dispute_id) DO UPDATE SET"
            " second_state = excluded.second_state, settled_ms = excluded.settled_ms",
            [getattr(dispute, field) for field in _DISPUTE_FIELDS],
        )

    def disputes(self, serial: str) -> list[Dispute]:
        """Return all disputes over a serial number."""
        rows = self._sql.execute(
            f"SELECT {_DISPUTE_COLUMNS} FROM disputes"  # noqa: S608  constant columns
            " WHERE serial = ? ORDER BY opened_ms",
            (serial,),
        )
        return [Dispute(**dict(row)) for row in rows]
