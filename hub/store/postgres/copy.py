"""From the file to the server: all books in one transaction, then the proof that both are equal.

The copy is counted and digested table by table on both sides, in one spelling and one order, and
both books then have to pass the same proofs that `bincard hub verify` makes. Only when everything
agrees is the copy committed; a server that holds books already is never touched.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from hub.store.postgres.hub_store import PostgresDesk
from hub.store.postgres.locks import Lock, wait_for
from hub.store.postgres.migrate import migrate
from hub.store.postgres.sql import PostgresSql, as_books, connect
from hub.store.protocol import Desk
from hub.store.sqlite.desk import SqliteDesk
from hub.store.sqlite.hub_store import MIGRATIONS
from hub.store.sqlite.ordered_ids import OrderedIds
from shared.domain.errors import Conflict, InvalidInput
from shared.runtime import migrate as schema
from shared.runtime.clock import SystemEntropy
from shared.runtime.database import connect as connect_file

ROWS_PER_BATCH: Final = 2_000
_SERVER_ONLY: Final = frozenset({"sync_key", "_sqlite_migrations"})


class TableCopy(msgspec.Struct, frozen=True):
    """One table: rows in the file and their digest, rows on the server and theirs."""

    table: str
    rows: int
    digest: str
    copied_rows: int
    copied_digest: str


class CopyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was copied; `holds` only if counts, digests and the proofs of both books agree."""

    holds: bool
    rows: int
    tables: tuple[TableCopy, ...]
    differing: tuple[str, ...]
    file_holds: bool
    server_holds: bool


def copy_books(path: Path, url: str, proves: Callable[[Desk], bool]) -> CopyReport:
    """Copy the books in the file at `path` to the server at `url`; `proves` checks one of both.

    Raises InvalidInput when there is no file and Conflict when the server has books already.
    """
    if not path.is_file():
        raise InvalidInput("books_missing", f"There are no books in {path.name} to copy.")
    schema.migrate(path, *MIGRATIONS)
    source = connect_file(path, writable=False)
    target = connect(url, name="copy")
    try:
        migrate(target)
        source.execute("BEGIN")
        target.script("BEGIN")
        wait_for(target, Lock.BOOKS)
        report = _copy(source, target, proves)
        target.script("COMMIT" if report.holds else "ROLLBACK")
    finally:
        source.close()
        target.connection.close()
    return report


def _copy(
    source: sqlite3.Connection, target: PostgresSql, proves: Callable[[Desk], bool]
) -> CopyReport:
    tables = _tables(target)
    taken = [name for name in tables if target.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()]  # noqa: S608
    if taken:
        raise Conflict(
            "books_not_empty",
            f"Failed to copy: the server has books already, for example in {taken[0]}.",
            hint="Name an empty database or schema.",
        )
    copies = tuple(_copy_table(source, target, name) for name in tables)
    differing = tuple(
        one.table
        for one in copies
        if (one.rows, one.digest) != (one.copied_rows, one.copied_digest)
    )
    target.script("ANALYZE")
    file_holds = proves(_desk(SqliteDesk, source))
    server_holds = proves(_desk(PostgresDesk, as_books(target)))
    return CopyReport(
        holds=not differing and file_holds and server_holds,
        rows=sum(one.rows for one in copies),
        tables=copies,
        differing=differing,
        file_holds=file_holds,
        server_holds=server_holds,
    )


def _desk(kind: type[SqliteDesk], sql: sqlite3.Connection) -> Desk:
    ids = OrderedIds(SystemEntropy())
    return kind(sql, now_ms=0, actor="copy", ids=ids, tell=lambda _: None)


def _tables(target: PostgresSql) -> list[str]:
    """Return the tables of the books, those that others refer to first."""
    rows = target.execute(
        "SELECT c.relname, coalesce((SELECT string_agg(f.confrelid::regclass::text, ',')"
        "  FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f'), '')"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = current_schema() AND c.relkind = 'r' ORDER BY c.relname"
    ).fetchall()
    needs = {
        str(name): {part for part in str(others).split(",") if part and part != name}
        for name, others in rows
        if name not in _SERVER_ONLY
    }
    ordered: list[str] = []
    while needs:
        free = sorted(name for name, others in needs.items() if others <= set(ordered))
        if not free:
            raise Conflict("tables_circular", "Tables of the books refer to each other in circles.")
        ordered += free
        for name in free:
            del needs[name]
    return ordered


def _copy_table(source: sqlite3.Connection, target: PostgresSql, table: str) -> TableCopy:
    columns, key = _columns(source, table)
    names = ", ".join(columns)
    order = ", ".join(key)
    question = f"SELECT {names} FROM {table} ORDER BY {order}"  # noqa: S608  names of the schema
    digest, rows = hashlib.sha256(), 0
    with target.connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN".encode()) as copy:
        for row in source.execute(question):
            copy.write_row(tuple(row))
            digest.update(_spelled(row))
            rows += 1
    _continue_numbers(target, table, key)
    copied, copied_rows = hashlib.sha256(), 0
    for row in _stream(target, question):
        copied.update(_spelled(row))
        copied_rows += 1
    return TableCopy(table, rows, digest.hexdigest(), copied_rows, copied.hexdigest())


def _columns(source: sqlite3.Connection, table: str) -> tuple[list[str], list[str]]:
    """Return the columns of a table and those of its primary key, as the file has them."""
    rows = source.execute("SELECT name, pk FROM pragma_table_info(?)", (table,)).fetchall()
    key = sorted((row["pk"], row["name"]) for row in rows if row["pk"])
    return [row["name"] for row in rows], [name for _, name in key]


def _spelled(row: Any) -> bytes:
    """Return the values of a row in the one spelling both sides are digested in."""
    return msgspec.msgpack.encode(
        [bytes(value) if isinstance(value, memoryview) else value for value in tuple(row)]
    )


def _stream(target: PostgresSql, question: str) -> Iterator[Any]:
    """Yield the rows of a question without holding them all."""
    target.script(f"DECLARE copied NO SCROLL CURSOR FOR {question}")
    while rows := target.execute(f"FETCH {ROWS_PER_BATCH} FROM copied").fetchall():
        yield from rows
    target.script("CLOSE copied")


def _continue_numbers(target: PostgresSql, table: str, key: list[str]) -> None:
    """Let a numbered table go on behind the last number copied."""
    if len(key) != 1:
        return
    row = target.execute("SELECT pg_get_serial_sequence(?, ?)", (table, key[0])).fetchone()
    if row is not None and row[0] is not None:
        target.execute(
            f"SELECT setval(?, max({key[0]})) FROM {table} HAVING max({key[0]}) IS NOT NULL",  # noqa: S608
            (row[0],),
        )
