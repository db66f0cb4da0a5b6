"""The lead's reads stay quick with a hundred thousand parcels: every one walks an index.

Method: each read runs on a schema as migrated; the statements it really sent are caught, and
SQLite is asked how it would carry them out. Reading one of the large tables from end to end fails.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.store import console_lookups as lookups
from edge.store import console_records as records
from edge.store import console_views as views
from edge.web.console import today
from shared.runtime.database import connect
from shared.runtime.migrate import migrate

LARGE = (
    "parcels|parcel_lines|parcel_serials|pick_lines|serials|serial_history|movements|operations"
    "|print_jobs|weighings|facts|exceptions|balances"
)
WHOLE_BY_PURPOSE = {"unbalanced_skus", "newest_jobs"}
"""Adding up the whole ledger is the check itself, once a minute; the newest print jobs are read
backwards by row number, which stops after a page."""
DAY = 1_800_000_000_000
PARCELS = 100_000


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A warehouse with a hundred thousand parcels on its books, most of them of other days."""
    path = tmp_path_factory.mktemp("books") / "edge.db"
    migrate(path, "edge", "edge.store.migrations")
    sql = connect(path, writable=True)
    sql.execute("BEGIN")
    sql.execute("INSERT INTO products VALUES ('A', '690', 'Phone', 400, 1, 1, 1, 'full')")
    sql.execute("INSERT INTO waves VALUES ('W-1', 'SF', ?, 'picking', 1)", (DAY + 3_600_000,))
    sql.executemany(
        "INSERT INTO parcels (parcel_id, command_id, order_id, channel, shop, order_no, courier, "
        "cut_off_ms, waybill, sort_code, recipient, buyer_remark, state, wave, assigned_ms, "
        "packed_ms, changed_ms) VALUES (?1, ?1, ?1, 'jd', 's', ?1, 'SF', ?2, 'SF' || ?1, 'x', "
        "'{}', '', ?3, ?4, 1, ?5, 1)",
        (_parcel(n) for n in range(PARCELS)),
    )
    sql.executemany(
        "INSERT INTO parcel_lines (parcel_id, line_no, sku, quantity) VALUES (?, 1, 'A', 1)",
        ((f"P-{n}",) for n in range(PARCELS)),
    )
    sql.execute("COMMIT")
    yield sql
    sql.close()


def _parcel(n: int) -> tuple[object, ...]:
    """Two hundred parcels are due today, half of them packed; the others left long ago."""
    due_today = n < 200
    state = ("shipped", "picking")[n % 2] if due_today else "shipped"
    cut_off = DAY + 3_600_000 if due_today else DAY - 86_400_000 * (1 + n % 300)
    packed = None if state == "picking" else cut_off - 7_200_000
    return f"P-{n}", cut_off, state, "W-1" if due_today else None, packed


READS: dict[str, Callable[[sqlite3.Connection], object]] = {
    "cut_offs": lambda sql: views.cut_offs(sql, DAY),
    "packed_since": lambda sql: views.packed_since(sql, DAY),
    "packed_by_hour": lambda sql: views.packed_by_hour(sql, DAY),
    "last_packed": views.last_packed,
    "waves_in_progress": views.waves_in_progress,
    "lists_of": lambda sql: views.lists_of(sql, ["W-1"]),
    "packers": views.packers,
    "waiting": views.waiting,
    "waiting_figures": lambda sql: views.waiting_figures(sql, DAY),
    "walks": views.walks,
    "aisles": views.aisles,
    "stations": views.stations,
    "unbalanced_skus": views.unbalanced_skus,
    "log_head": views.log_head,
    "parcels": lambda sql: lookups.parcels(sql, state="picking"),
    "parcels of all states": lookups.parcels,
    "parcels, next page": lambda sql: lookups.parcels(sql, state="shipped", after=(DAY, 5)),
    "parcels_of_wave": lambda sql: lookups.parcels_of_wave(sql, "W-1"),
    "parcels_of_order": lambda sql: lookups.parcels_of_order(sql, "P-1"),
    "parcel_events": lambda sql: lookups.parcel_events(sql, "P-1"),
    "stock": lookups.stock,
    "places_of": lambda sql: lookups.places_of(sql, "A"),
    "contents_of": lambda sql: lookups.contents_of(sql, "bin:B01-01-1"),
    "serials_at": lambda sql: lookups.serials_at(sql, "bin:B01-01-1"),
    "life_of": lambda sql: lookups.life_of(sql, "SN-1"),
    "waybills_of": lambda sql: lookups.waybills_of(sql, ["parcel:P-1"]),
    "find": lambda sql: lookups.find(sql, "nothing of this name"),
    "wave": lambda sql: records.wave(sql, "W-1"),
    "stops_of": lambda sql: records.stops_of(sql, "W-1"),
    "parcel_brief": lambda sql: records.parcel_brief(sql, "P-1"),
    "parcel_lines": lambda sql: records.parcel_lines(sql, "P-1"),
    "weighings_of": lambda sql: records.weighings_of(sql, "P-1"),
    "newest_jobs": lambda sql: records.newest_jobs(sql, 30),
    "house_jobs": lambda sql: records.house_jobs(sql, 30),
    "newest_facts": lambda sql: records.newest_facts(sql, 20),
    "newest_commands": lambda sql: records.newest_commands(sql, 20),
}


def plans(sql: sqlite3.Connection, read: Callable[[sqlite3.Connection], object]) -> list[str]:
    """Return the steps of all statements that `read` sends."""
    sent: list[str] = []
    sql.set_trace_callback(sent.append)
    read(sql)
    sql.set_trace_callback(None)
    assert sent
    return [row[3] for text in sent for row in sql.execute("EXPLAIN QUERY PLAN " + text)]


@pytest.mark.parametrize("name", [name for name in READS if name not in WHOLE_BY_PURPOSE])
def test_no_page_reads_a_large_table_from_end_to_end(books: sqlite3.Connection, name: str) -> None:
    # An index read in order is fine below a LIMIT; a bare SCAN reads every row.
    whole = [
        step
        for step in plans(books, READS[name])
        if re.match(rf"SCAN (\w+ AS )?({LARGE}|[a-z])\b", step) and "INDEX" not in step
    ]
    assert [
        s for s in whole if not re.search(r"\b(json_each|people|stations|w|d|m|s|n)\b", s)
    ] == []


def test_every_view_is_looked_at() -> None:
    public = {
        name
        for module in (views, lookups, records)
        for name, thing in vars(module).items()
        if callable(thing) and getattr(thing, "__module__", "") == module.__name__
        and name.islower() and not name.startswith("_")
    }  # fmt: skip
    assert public - {"waiting_count", "person_name"} <= {name.split(",")[0] for name in READS}


def test_today_takes_what_is_due_today_from_a_hundred_thousand(books: sqlite3.Connection) -> None:
    now = DAY + 60_000
    cut = today.read_cut(books, now)
    assert [(card.outlook.due.total, card.outlook.due.left) for card in cut.cards] == [(200, 100)]
    assert cut.cards[0].outlook.due.courier == "SF"
    lines, total = today.read_waves(books, now)
    assert (total, lines[0].done, lines[0].total) == (1, 100, 200)


def test_paging_by_the_last_row_shows_every_parcel_once(books: sqlite3.Connection) -> None:
    seen: list[str] = []
    after = (-1, -1)
    while page := lookups.parcels(books, state="picking", after=after, limit=30):
        seen += [row.parcel_id for row in page]
        after = (page[-1].cut_off_ms, page[-1].row)
    assert sorted(seen) == sorted(f"P-{n}" for n in range(200) if n % 2)


def test_an_empty_warehouse_reads_as_empty(tmp_path: Path) -> None:
    migrate(tmp_path / "edge.db", "edge", "edge.store.migrations")
    sql = connect(tmp_path / "edge.db", writable=True)
    cut = today.read_cut(sql, DAY)
    assert (cut.cards, cut.left, cut.action) == ([], 0, None)
    assert lookups.find(sql, "B07-12-3") is None
    sql.close()
