"""Files from spreadsheets: every row is good, or has a sentence saying which cell is not and why.

Spreadsheets add byte order marks, blank lines, stray columns, Windows line ends, numbers like
`1.0`. What is harmless is accepted, what changes meaning is refused, and one bad row never keeps
the others out. This module reads cells; `csv_rows` says what the columns of each file mean.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

import msgspec

from hub.domain.reports import RowError
from shared.domain.errors import InvalidInput

FIELD_CHARS_MAX: Final = 4_194_304
"""Longest cell: one bin may hold very many serial numbers."""
ROWS_MAX: Final = 1_000_000
"""Rows in one file."""

WAREHOUSE_COLUMNS: Final = ("warehouse", "name", "latitude", "longitude")
PRODUCT_COLUMNS: Final = (
    "sku", "gtin", "name", "unit_weight_grams", "length_mm", "width_mm", "height_mm",
    "serial_policy",
)  # fmt: skip
NUMBER_COLUMNS: Final = ("first", "last")
STOCK_COLUMNS: Final = ("warehouse", "bin", "sku", "quantity", "serial_numbers")
ORDER_COLUMNS: Final = (
    "channel", "shop", "order_no", "line_no", "sku", "quantity", "unit_price", "currency",
    "placed_at", "ship_by", "recipient_name", "phone", "country", "province", "city", "district",
    "address", "postcode", "latitude", "longitude", "buyer_remark",
)  # fmt: skip


class CellError(Exception):
    """A cell that cannot be read; `reason` says what was expected and what came."""

    def __init__(self, column: str, reason: str) -> None:
        """`reason` must not repeat personal data."""
        super().__init__(reason)
        self.column = column
        self.reason = reason


class Row(msgspec.Struct, frozen=True):
    """One data row: its line in the file and its cells by column, blanks around them removed."""

    line: int
    cells: dict[str, str]

    def text(self, column: str, *, low: int = 0, high: int = 512) -> str:
        """Return a cell of `low` to `high` printable characters."""
        value = self.cells[column]
        if not low <= len(value) <= high:
            expected = f"{low} to {high} characters"
            got = "nothing" if not value else f"{len(value)} characters"
            raise CellError(column, f"expected {expected}, got {got}")
        if not value.isprintable():
            raise CellError(column, "expected printable text, got control characters")
        return value

    def whole(self, column: str, *, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        value = self.cells[column]
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
            raise CellError(column, f"expected a whole number, got {value[:32]!r}")
        number = int(value)
        if not low <= number <= high:
            raise CellError(column, f"expected {low} to {high}, got {number}")
        return number

    def degrees(self, column: str, limit: int, *, optional: bool = False) -> float | None:
        """Return a coordinate between -limit and limit, None when empty and `optional`."""
        value = self.cells[column]
        if not value and optional:
            return None
        try:
            number = float(value)
        except ValueError:
            number = limit + 1.0
        if not -limit <= number <= limit:
            got = "nothing" if not value else "something else"
            raise CellError(column, f"expected degrees from -{limit} to {limit}, got {got}")
        return number


def read_rows(
    file: str, content: bytes, columns: tuple[str, ...]
) -> tuple[list[Row], list[RowError], list[RowError]]:
    """Return (rows, errors, warnings) of a CSV file with at least these `columns`.

    Raises InvalidInput `csv_unreadable` when the file as a whole cannot be read: not UTF-8, no
    header, a column missing or named twice, too many rows.
    """
    reader = csv.reader(io.StringIO(_decoded(file, content), newline=""), strict=True)
    csv.field_size_limit(FIELD_CHARS_MAX)
    records = _records(reader)
    header_line, header, trouble = next(records, (1, None, "the file is empty"))
    if header is None:
        raise _unreadable(file, header_line, trouble)
    names = [name.strip().lower() for name in header]
    _check_header(file, names, columns)
    extra = [name for name in names if name not in columns]
    warnings = [RowError(file, 1, name, "unknown column, not read") for name in extra]
    rows: list[Row] = []
    errors: list[RowError] = []
    for line, fields, trouble in records:
        if fields is None:
            errors.append(RowError(file, line, "", trouble))
        elif len(fields) != len(names):
            reason = f"expected {len(names)} cells, got {len(fields)}"
            errors.append(RowError(file, line, "", reason))
        else:
            cells = {name: field.strip() for name, field in zip(names, fields, strict=True)}
            rows.append(Row(line, cells))
        if len(rows) > ROWS_MAX:
            raise _unreadable(file, line, f"expected at most {ROWS_MAX} rows")
    return rows, errors, warnings


def _decoded(file: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            "csv_unreadable",
            f"Failed to read {file}: expected UTF-8 text, got other bytes on line {line}.",
            hint="Save the file as CSV UTF-8 and import it again.",
        ) from error


def _records(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str] | None, str]]:
    """Yield (line, fields or None, trouble) of each record that is not blank."""
    before = 0
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line, before = before + 1, reader.line_num  # type: ignore[attr-defined]
            yield line, None, f"not a CSV row: {error}"
            continue
        line, before = before + 1, reader.line_num  # type: ignore[attr-defined]
        if any(field.strip() for field in fields):
            yield line, fields, ""


def _check_header(file: str, names: list[str], columns: tuple[str, ...]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _unreadable(file, 1, f"column {twice[0]!r} is named twice in the header")
    absent = [name for name in columns if name not in names]
    if absent:
        raise _unreadable(
            file,
            1,
            f"expected the columns {','.join(columns)}, but {', '.join(absent)} is missing",
        )


def _unreadable(file: str, line: int, reason: str) -> InvalidInput:
    return InvalidInput(
        "csv_unreadable",
        f"Failed to read {file}, line {line}: {reason}.",
        hint="Correct the file and import it again; nothing of it went in.",
    )
