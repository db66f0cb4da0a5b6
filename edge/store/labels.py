"""How labels look here, the printers they are drawn for, and the carton numbers given out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

CARTON_COUNTER: Final = "sscc"
HISTORY_MAX: Final = 100


class TemplateRow(NamedTuple):
    """One version of a template; an empty `body` is what the program brings."""

    name: str
    version: int
    body: str
    actor: str
    at_ms: int


class PrinterRow(NamedTuple):
    """A printer's paper (`76x130`, mm) and head."""

    printer: str
    media: str
    dots_per_mm: int


class ChoiceRow(NamedTuple):
    """A bench prints on another printer than its own."""

    station: str
    printer: str
    reason: str
    actor: str
    at_ms: int


_TEMPLATE: Final = "SELECT name, version, body, actor, at_ms FROM label_templates "


def template(sql: sqlite3.Connection, name: str) -> TemplateRow | None:
    """Return the newest version of a template, None while nobody changed it."""
    row = sql.execute(
        _TEMPLATE + "WHERE name = ? ORDER BY version DESC LIMIT 1", (name,)
    ).fetchone()
    return TemplateRow(*row) if row else None


def template_of(sql: sqlite3.Connection, op_id: str) -> TemplateRow | None:
    """Return what this operation saved."""
    row = sql.execute(_TEMPLATE + "WHERE op_id = ?", (op_id,)).fetchone()
    return TemplateRow(*row) if row else None


def history(sql: sqlite3.Connection, name: str) -> list[TemplateRow]:
    """Return the versions of a template, newest first."""
    rows = sql.execute(
        _TEMPLATE + "WHERE name = ? ORDER BY version DESC LIMIT ?", (name, HISTORY_MAX)
    )
    return [TemplateRow(*row) for row in rows]


def save_template(sql: sqlite3.Connection, row: TemplateRow, op_id: str) -> None:
    """Add a version."""
    sql.execute(
        "INSERT INTO label_templates (name, version, body, actor, at_ms, op_id) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (*row, op_id),
    )


def printer(sql: sqlite3.Connection, name: str) -> PrinterRow | None:
    """Return a printer's paper and head, None while the devices process never told of it."""
    row = sql.execute(
        "SELECT printer, media, dots_per_mm FROM printers WHERE printer = ?", (name,)
    ).fetchone()
    return PrinterRow(*row) if row else None


def printers(sql: sqlite3.Connection) -> list[PrinterRow]:
    """Return all printers by name."""
    rows = sql.execute("SELECT printer, media, dots_per_mm FROM printers ORDER BY printer")
    return [PrinterRow(*row) for row in rows]


def put_printers(sql: sqlite3.Connection, rows: Iterable[PrinterRow], at_ms: int) -> None:
    """Store the printers there are now."""
    sql.execute("DELETE FROM printers")
    sql.executemany(
        "INSERT INTO printers (printer, media, dots_per_mm, told_ms) VALUES (?, ?, ?, ?)",
        [(*row, at_ms) for row in rows],
    )


def choice(sql: sqlite3.Connection, station: str) -> ChoiceRow | None:
    """Return on which other printer a bench prints now."""
    row = sql.execute(
        "SELECT station, printer, reason, actor, at_ms FROM bench_printers WHERE station = ?",
        (station,),
    ).fetchone()
    return ChoiceRow(*row) if row else None


def choices(sql: sqlite3.Connection) -> list[ChoiceRow]:
    """Return every bench that prints on another printer than its own."""
    rows = sql.execute(
        "SELECT station, printer, reason, actor, at_ms FROM bench_printers ORDER BY station"
    )
    return [ChoiceRow(*row) for row in rows]


def choose(sql: sqlite3.Connection, row: ChoiceRow) -> None:
    """Let a bench print on another printer."""
    sql.execute("INSERT OR REPLACE INTO bench_printers VALUES (?, ?, ?, ?, ?)", row)


def choose_own(sql: sqlite3.Connection, station: str) -> None:
    """Let a bench print on its own printer again."""
    sql.execute("DELETE FROM bench_printers WHERE station = ?", (station,))


def last_carton(sql: sqlite3.Connection) -> int:
    """Return the serial number of the newest carton number, 0 before the first."""
    row = sql.execute("SELECT value FROM counters WHERE name = ?", (CARTON_COUNTER,)).fetchone()
    return int(row[0]) if row else 0


def raise_cartons(sql: sqlite3.Connection, serial: int) -> None:
    """Never give out a carton number up to `serial` again."""
    sql.execute(
        "INSERT INTO counters (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
        (CARTON_COUNTER, serial),
    )


def put_carton(sql: sqlite3.Connection, sscc: str, *, content: str, actor: str, at_ms: int) -> None:
    """Know a carton; one that is known stays as it is."""
    sql.execute(
        "INSERT OR IGNORE INTO cartons (sscc, content, actor, at_ms) VALUES (?, ?, ?, ?)",
        (sscc, content, actor, at_ms),
    )


def carton_content(sql: sqlite3.Connection, sscc: str) -> str | None:
    """Return what stands on a carton's label, None for a number never given out here."""
    row = sql.execute("SELECT content FROM cartons WHERE sscc = ?", (sscc,)).fetchone()
    return str(row[0]) if row else None
