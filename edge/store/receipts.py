"""Advance shipping notices (ASN) and what came of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from edge.domain.receiving import Announced
from shared.domain.facts import StockRow

RECEIPTS_MAX: Final = 500
CHUNK: Final = 500


class ReceiptRow(NamedTuple):
    """One notice."""

    asn: str
    command_id: str | None
    supplier: str
    state: str
    expected_ms: int


def get(sql: sqlite3.Connection, asn: str) -> ReceiptRow | None:
    """Return the notice called `asn`, or None."""
    row = sql.execute(
        "SELECT asn, command_id, supplier, state, expected_ms FROM receipts WHERE asn = ?", (asn,)
    ).fetchone()
    return ReceiptRow(*row) if row else None


def insert(sql: sqlite3.Connection, row: ReceiptRow, rows: Sequence[StockRow]) -> None:
    """Store a notice; rows of the same SKU and bin add up."""
    sql.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?)", row)
    sql.executemany(
        "INSERT INTO receipt_lines (asn, sku, bin, expected) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (asn, sku, bin) DO UPDATE SET expected = expected + excluded.expected",
        [(row.asn, stock.sku, stock.bin, stock.quantity) for stock in rows],
    )
    sql.executemany(
        "INSERT INTO receipt_serials (serial, asn, sku) VALUES (?, ?, ?) "
        "ON CONFLICT (serial) DO NOTHING",
        [(serial, row.asn, stock.sku) for stock in rows for serial in stock.serials],
    )


def lines(sql: sqlite3.Connection, asn: str) -> list[Announced]:
    """Return the lines of a notice."""
    rows = sql.execute(
        "SELECT sku, bin, expected, received FROM receipt_lines WHERE asn = ? ORDER BY sku, bin",
        (asn,),
    )
    return [Announced(*row) for row in rows]


class NamedSerial(NamedTuple):
    """A serial number on a notice; `received` is 1 once the notice brought it."""

    serial: str
    asn: str
    sku: str
    received: int


def serial_notice(sql: sqlite3.Connection, serial: str) -> NamedSerial | None:
    """Return the notice that announced or brought `serial`, or None."""
    row = sql.execute(
        "SELECT serial, asn, sku, received FROM receipt_serials WHERE serial = ?", (serial,)
    ).fetchone()
    return NamedSerial(*row) if row else None


def serial_notices(sql: sqlite3.Connection, serials: Sequence[str]) -> dict[str, NamedSerial]:
    """Return those of `serials` that a notice announced or brought."""
    found: dict[str, NamedSerial] = {}
    for start in range(0, len(serials), CHUNK):
        chunk = serials[start : start + CHUNK]
        marks = ",".join("?" * len(chunk))
        rows = sql.execute(
            f"SELECT serial, asn, sku, received FROM receipt_serials WHERE serial IN ({marks})",  # noqa: S608  marks only
            tuple(chunk),
        )
        found.update((row[0], NamedSerial(*row)) for row in rows)
    return found


def tick(sql: sqlite3.Connection, asn: str, sku: str, line_bin: str, quantity: int) -> None:
    """Count units received against one line."""
    sql.execute(
        "UPDATE receipt_lines SET received = received + ? WHERE asn = ? AND sku = ? AND bin = ?",
        (quantity, asn, sku, line_bin),
    )


def name_serials(sql: sqlite3.Connection, asn: str, sku: str, serials: Sequence[str]) -> None:
    """Remember which notice brought these units."""
    sql.executemany(
        "INSERT INTO receipt_serials (serial, asn, sku, received) VALUES (?, ?, ?, 1) "
        "ON CONFLICT (serial) DO UPDATE SET asn = excluded.asn, sku = excluded.sku, received = 1",
        [(serial, asn, sku) for serial in serials],
    )


def settle(sql: sqlite3.Connection, asn: str) -> str:
    """Bring the notice's state in line with its lines and return it."""
    row = sql.execute(
        "SELECT SUM(received < expected), SUM(received) FROM receipt_lines WHERE asn = ?", (asn,)
    ).fetchone()
    state = "done" if not row[0] else "receiving" if row[1] else "expected"
    sql.execute("UPDATE receipts SET state = ? WHERE asn = ?", (state, asn))
    return state


class ReceiptSummary(NamedTuple):
    """A notice with its progress in units."""

    asn: str
    supplier: str
    state: str
    expected_ms: int
    lines: int
    expected: int
    received: int


def summaries(
    sql: sqlite3.Connection, *, state: str = "", limit: int = RECEIPTS_MAX
) -> list[ReceiptSummary]:
    """Return notices, the open ones and the latest first."""
    rows = sql.execute(
        "SELECT r.asn, r.supplier, r.state, r.expected_ms, COUNT(l.sku), "
        "COALESCE(SUM(l.expected), 0), COALESCE(SUM(l.received), 0) "
        "FROM receipts r LEFT JOIN receipt_lines l USING (asn) "
        "WHERE :state = '' OR r.state = :state "
        "GROUP BY r.asn ORDER BY r.state = 'done', r.expected_ms DESC, r.asn LIMIT :limit",
        {"state": state, "limit": limit},
    )
    return [ReceiptSummary(*row) for row in rows]
