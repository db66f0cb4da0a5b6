"""The little of `sqlite3.Connection` that the books use, spoken to a PostgreSQL server.

All books are written once, in SQL that both databases understand. What differs is the punctuation:
`?` and `:name` become `$1`, a hint that names an index is dropped (the server has a planner), sums
of whole numbers come back as whole numbers, and truth is stored as 0 or 1 as in the file.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

import msgspec
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.types.numeric import Int8Dumper

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]
STATEMENTS_MAX: Final = 1_000
"""Statements remembered in translation; there are a few hundred."""
PREPARE_AFTER: Final = 2
PREPARED_MAX: Final = 500
CONNECT_SECONDS: Final = 10
LOCK_SECONDS: Final = 20
"""Longest wait for another hub process to finish its group of use cases."""
IDLE_SECONDS: Final = 60
"""The server ends a transaction whose process hangs this long, so that others can go on."""
_PARTS: Final = re.compile(
    r"(?P<text>'(?:[^']|'')*'|::)|(?P<hint>\s+INDEXED BY \w+)"
    r"|(?<!NOT )IN \((?P<many>\?(?:,\?)*)\)"
    r"|\?(?P<number>\d*)|:(?P<name>[a-z_]+)"
)
_PLAIN_INSERT: Final = re.compile(
    r"INSERT INTO (\w+ \([\w, ]+\)) VALUES \(\?(?:, ?\?)*\)", re.DOTALL
)


class Row(tuple[Any, ...]):  # noqa: SLOT001  its subclasses carry the names
    """A row that answers to names, numbers and unpacking, as `sqlite3.Row` does."""

    places: dict[str, int]

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.places)

    def __getitem__(self, key: Any) -> Any:
        """Return one value by name or number."""
        return super().__getitem__(self.places[key] if isinstance(key, str) else key)


@lru_cache(maxsize=STATEMENTS_MAX)
def _row_class(names: tuple[str, ...]) -> type[Row]:
    return type("Row", (Row,), {"places": {name: at for at, name in enumerate(names)}})


def _rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
    """Return the maker of rows for what `cursor` has found."""
    description = cursor.description or ()
    return _row_class(tuple(column.name for column in description))


@lru_cache(maxsize=STATEMENTS_MAX)
def translate(statement: str) -> tuple[str, tuple[str, ...], tuple[tuple[int, int], ...]]:
    """Return the statement with `$n` for its parameters, their names, and their slots.

    A slot is (first of the caller's values, how many); 0 is one value by itself. A list of values
    becomes one array, so that the server prepares one statement for lists of any length.

    >>> translate("SELECT sku FROM products WHERE sku IN (?,?,?) AND gtin = ?")
    ('SELECT sku FROM products WHERE sku = ANY($1) AND gtin = $2', (), ((0, 3), (3, 0)))
    """
    names: list[str] = []
    slots: dict[tuple[int, int], int] = {}
    last = 0

    def part(match: re.Match[str]) -> str:
        nonlocal last
        if match["text"] is not None:
            return match[0]
        if match["hint"] is not None:
            return ""
        if match["name"] is not None:
            if match["name"] not in names:
                names.append(match["name"])
            return f"${names.index(match['name']) + 1}"
        if match["many"] is not None:
            count = match["many"].count("?")
            place = slots.setdefault((last, count), len(slots) + 1)
            last += count
            return f"= ANY(${place})"
        number = int(match["number"]) if match["number"] else last + 1
        last = max(last, number)
        return f"${slots.setdefault((number - 1, 0), len(slots) + 1)}"

    return _PARTS.sub(part, statement), tuple(names), tuple(slots)


class _Truth(Dumper):
    """True and False go in as 1 and 0."""

    oid = Int8Dumper.oid

    def dump(self, obj: bool) -> Buffer:
        """Return the truth as the server reads whole numbers."""
        return b"1" if obj else b"0"


class _Whole(Loader):
    """Sums are numeric at the server; the books know whole numbers only."""

    def load(self, data: Buffer) -> int:
        """Return the server's text as a whole number; ValueError for a fraction."""
        return int(bytes(data))


class _Column(Dumper):
    """A list goes in as the text of an array; its type is the one the statement needs there.

    Texts and whole numbers are spelled by the JSON encoder, whose escapes of quotes and backslashes
    an array reads the same way; other escapes stand for control characters and are spelled out.
    """

    oid = 0

    def dump(self, obj: list[str | int | None]) -> Buffer:
        """Return the list as `{"a","b"}`."""
        text = msgspec.json.encode(obj)
        if b"\\" in text and b"\\" in text.replace(b"\\\\", b"").replace(b'\\"', b""):
            return ("{" + ",".join(map(_spelled, obj)) + "}").encode()
        return b"{" + text[1:-1] + b"}"


def _spelled(value: str | int | None) -> str:
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class PostgresSql:
    """One connection with `execute` and `executemany` as the books use them."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        """Work on `connection`, whose transactions the caller begins and ends."""
        self.connection = connection

    def execute(self, statement: str, parameters: Parameters = ()) -> psycopg.Cursor[Row]:
        """Run one statement; the cursor has `fetchone`, `fetchall`, `rowcount` and iterates."""
        query, names, slots = translate(statement)
        return self.connection.cursor().execute(
            query.encode(), _values(names, slots, parameters) or None
        )

    def executemany(self, statement: str, parameters: Iterable[Parameters]) -> None:
        """Run one statement for every set of parameters; plain insertions stream in at once."""
        parameters = list(parameters)
        if len(parameters) == 1:
            self.execute(statement, parameters[0])
            return
        if plain := _PLAIN_INSERT.fullmatch(statement):
            with self.connection.cursor().copy(f"COPY {plain[1]} FROM STDIN".encode()) as copy:
                for values in parameters:
                    copy.write_row(cast("Sequence[Any]", values))
            return
        query, names, slots = translate(statement)
        self.connection.cursor().executemany(
            query.encode(), [_values(names, slots, values) for values in parameters]
        )

    def script(self, statements: str) -> None:
        """Run several statements without parameters in one round trip."""
        self.connection.cursor().execute(statements.encode(), prepare=False)


def _values(
    names: tuple[str, ...], slots: tuple[tuple[int, int], ...], parameters: Parameters
) -> list[Any]:
    if isinstance(parameters, Mapping):
        return [parameters[name] for name in names]
    return [
        list(parameters[first : first + count]) if count else parameters[first]
        for first, count in slots
    ]


def as_books(sql: PostgresSql) -> sqlite3.Connection:
    """Return `sql` for the books, which ask for nothing that it does not have."""
    return cast("sqlite3.Connection", sql)


def connect(url: str, *, name: str, writable: bool = True) -> PostgresSql:
    """Open a connection under the house rules. Raises psycopg.OperationalError.

    `name` is what the server's own views call it.
    """
    connection: psycopg.Connection[Any] = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        application_name=f"bincard-{name}",
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        cursor_factory=psycopg.RawCursor,
        row_factory=_rows,
    )
    connection.prepare_threshold = PREPARE_AFTER
    connection.prepared_max = PREPARED_MAX
    connection.adapters.register_dumper(bool, _Truth)
    connection.adapters.register_dumper(list, _Column)
    connection.adapters.register_loader("numeric", _Whole)
    sql = PostgresSql(connection)
    sql.script(
        f"SET lock_timeout = '{LOCK_SECONDS}s';"
        f" SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s';"
        f" SET default_transaction_read_only = {'off' if writable else 'on'}"
    )
    return sql
