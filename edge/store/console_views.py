"""What the lead sees first: cut-offs, waves, what waits for a person, the carts on the floor.

Read only. Every query walks an index and has a limit, so that the page costs the same in the
hundredth week as in the first.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

import msgspec

from edge.domain.verdict import Params

CUT_OFFS_MAX: Final = 40
WAVES_MAX: Final = 40
WAITING_MAX: Final = 50
STOPS_MAX: Final = 2_000
AISLES_MAX: Final = 60
HOUR_MS: Final = 3_600_000

_OPEN: Final = "('waiting', 'planned', 'picking', 'picked', 'packing')"


class CutOff(NamedTuple):
    """Parcels of one courier that have to be packed by one time."""

    courier: str
    cut_off_ms: int
    total: int
    left: int
    unplanned: int


def cut_offs(sql: sqlite3.Connection, day_start_ms: int) -> list[CutOff]:
    """Return the cut-offs from `day_start_ms` on, and older ones with parcels left, by time."""
    rows = sql.execute(
        "SELECT courier, cut_off_ms, SUM(state NOT IN ('cancelled', 'short')) AS total, "  # noqa: S608
        f"SUM(state IN {_OPEN}) AS open, SUM(state = 'waiting') FROM parcels "
        "WHERE cut_off_ms >= :day GROUP BY cut_off_ms, courier HAVING total > 0 "
        "UNION ALL SELECT courier, cut_off_ms, COUNT(*), COUNT(*), SUM(state = 'waiting') "
        f"FROM parcels WHERE state IN {_OPEN} AND cut_off_ms < :day GROUP BY cut_off_ms, courier "
        "ORDER BY cut_off_ms, courier LIMIT :limit",
        {"day": day_start_ms, "limit": CUT_OFFS_MAX},
    )
    return [CutOff(*row) for row in rows]


def packed_since(sql: sqlite3.Connection, since_ms: int) -> tuple[int, int | None]:
    """Return (parcels packed since then, when the first of them was)."""
    row = sql.execute(
        "SELECT COUNT(*), MIN(packed_ms) FROM parcels WHERE packed_ms >= ?", (since_ms,)
    ).fetchone()
    return int(row[0]), row[1]


def packed_by_hour(sql: sqlite3.Connection, day_start_ms: int) -> dict[int, int]:
    """Return parcels packed per hour after `day_start_ms`, hours without any left out."""
    rows = sql.execute(
        "SELECT (packed_ms - :day) / :hour AS h, COUNT(*) FROM parcels "
        "WHERE packed_ms >= :day GROUP BY h",
        {"day": day_start_ms, "hour": HOUR_MS},
    )
    return {int(hour): int(count) for hour, count in rows}


def last_packed(sql: sqlite3.Connection) -> int | None:
    """Return when the newest parcel was packed, None before the first."""
    row = sql.execute("SELECT MAX(packed_ms) FROM parcels WHERE packed_ms > 0").fetchone()
    return row[0] if row[0] is None else int(row[0])


class WaveProgress(NamedTuple):
    """A wave that is not finished: its units at the shelves and its parcels at the benches."""

    wave: str
    courier: str
    cut_off_ms: int
    state: str
    created_ms: int
    units: int
    units_done: int
    parcels: int
    parcels_packed: int


def waves_in_progress(sql: sqlite3.Connection, limit: int = WAVES_MAX) -> list[WaveProgress]:
    """Return waves with parcels still to pack, the nearest cut-off first."""
    rows = sql.execute(
        "SELECT w.wave, w.courier, w.cut_off_ms, w.state, w.created_ms, "  # noqa: S608
        "COALESCE((SELECT SUM(l.quantity) FROM pick_lists p JOIN pick_lines l USING (pick_list) "
        "  WHERE p.wave = w.wave), 0), "
        "COALESCE((SELECT SUM(l.picked + l.short) FROM pick_lists p "
        "  JOIN pick_lines l USING (pick_list) WHERE p.wave = w.wave), 0), "
        "(SELECT COUNT(*) FROM parcels a WHERE a.wave = w.wave "
        "  AND a.state NOT IN ('cancelled', 'short')), "
        "(SELECT COUNT(*) FROM parcels a WHERE a.wave = w.wave "
        "  AND a.state IN ('packed', 'shipped')) "
        "FROM waves w WHERE w.state <> 'done' AND EXISTS ("
        f"  SELECT 1 FROM parcels a WHERE a.wave = w.wave AND a.state IN {_OPEN}) "
        "ORDER BY w.cut_off_ms, w.created_ms, w.wave LIMIT ?",
        (limit,),
    )
    return [WaveProgress(*row) for row in rows]


class ListProgress(NamedTuple):
    """A pick list, who walks it and when its handheld was last heard."""

    pick_list: str
    wave: str
    state: str
    cart: str | None
    station: str | None
    person: str | None
    walk_mm: int
    started_ms: int | None
    done_ms: int | None
    heard_ms: int | None
    units: int
    units_done: int


def lists_of(sql: sqlite3.Connection, waves: list[str]) -> list[ListProgress]:
    """Return the pick lists of `waves` with their progress."""
    rows = sql.execute(
        "SELECT p.pick_list, p.wave, p.state, p.cart, p.station, COALESCE(m.name, p.badge), "
        "p.walk_mm, p.started_ms, p.done_ms, s.changed_ms, "
        "COALESCE((SELECT SUM(quantity) FROM pick_lines l WHERE l.pick_list = p.pick_list), 0), "
        "COALESCE((SELECT SUM(picked + short) FROM pick_lines l "
        "  WHERE l.pick_list = p.pick_list), 0) "
        "FROM json_each(?) w JOIN pick_lists p ON p.wave = w.value "
        "LEFT JOIN people m ON m.badge = p.badge "
        "LEFT JOIN stations s ON s.station = p.station ORDER BY p.pick_list",
        (msgspec.json.encode(waves).decode(),),
    )
    return [ListProgress(*row) for row in rows]


class Packer(NamedTuple):
    """A bench that works on a wave's parcel now, and who stands there."""

    wave: str
    bench: str
    person: str | None


def packers(sql: sqlite3.Connection) -> list[Packer]:
    """Return which bench packs which wave at this moment."""
    rows = sql.execute(
        "SELECT DISTINCT a.wave, a.bench, COALESCE(m.name, s.badge) FROM parcels a "
        "JOIN stations s ON s.station = a.bench LEFT JOIN people m ON m.badge = s.badge "
        "WHERE a.state = 'packing' AND a.wave IS NOT NULL ORDER BY a.bench LIMIT ?",
        (WAVES_MAX,),
    )
    return [Packer(*row) for row in rows]


class Waiting(NamedTuple):
    """Something that waits for a person; courier, cut-off and waybill when it is a parcel."""

    exception_id: str
    kind: str
    subject: str
    code: str
    params: Params
    station: str
    opened_ms: int
    parcel_id: str | None
    courier: str | None
    cut_off_ms: int | None
    waybill: str | None


def waiting(sql: sqlite3.Connection, limit: int = WAITING_MAX) -> list[Waiting]:
    """Return what waits, most urgent first: stops, the unknown, the rest; oldest first."""
    rows = sql.execute(
        "SELECT e.exception_id, e.kind, e.subject, e.code, e.params, e.station, e.opened_ms, "
        "a.parcel_id, a.courier, a.cut_off_ms, COALESCE(a.waybill, '') "
        "FROM exceptions e LEFT JOIN parcels a ON a.parcel_id = e.subject "
        "WHERE e.solved_ms IS NULL ORDER BY CASE e.kind WHEN 'stop' THEN 0 WHEN 'unknown' THEN 1 "
        "ELSE 2 END, e.opened_ms LIMIT ?",
        (limit,),
    )
    return [Waiting(*(*row[:4], msgspec.json.decode(row[4]), *row[5:])) for row in rows]


def waiting_count(sql: sqlite3.Connection) -> int:
    """Return how many things wait for a person."""
    return int(sql.execute("SELECT COUNT(*) FROM exceptions WHERE solved_ms IS NULL").fetchone()[0])


class WaitingFigures(NamedTuple):
    """How many wait, and how today went. `average_ms` is from opening to solving."""

    waiting: int
    solved_today: int
    average_ms: int
    last_solved_ms: int | None


def waiting_figures(sql: sqlite3.Connection, day_start_ms: int) -> WaitingFigures:
    """Return the counts for the foot of the queue."""
    row = sql.execute(
        "SELECT COUNT(*), CAST(COALESCE(AVG(solved_ms - opened_ms), 0) AS INTEGER), "
        "MAX(solved_ms) FROM exceptions WHERE solved_ms >= ?",
        (day_start_ms,),
    ).fetchone()
    return WaitingFigures(waiting_count(sql), *row)


class Stop(NamedTuple):
    """One stop of a cart's walk; `begun` when the picker was there."""

    pick_list: str
    cart: str
    bin: str
    begun: bool
    heard_ms: int | None


def walks(sql: sqlite3.Connection) -> list[Stop]:
    """Return the stops of all carts that are out, in walking order."""
    rows = sql.execute(
        "SELECT p.pick_list, p.cart, l.bin, SUM(l.picked + l.short) > 0, s.changed_ms "
        "FROM pick_lists p JOIN pick_lines l USING (pick_list) "
        "LEFT JOIN stations s ON s.station = p.station "
        "WHERE p.state = 'picking' AND p.cart IS NOT NULL "
        "GROUP BY p.pick_list, l.stop_no ORDER BY p.pick_list, l.stop_no LIMIT ?",
        (STOPS_MAX,),
    )
    return [Stop(row[0], row[1], row[2], bool(row[3]), row[4]) for row in rows]


def aisles(sql: sqlite3.Connection) -> list[str]:
    """Return one bin code of the far end of every aisle, in order of the aisles' names.

    The index is entered once per aisle instead of reading every bin.
    """
    ends: list[str] = []
    after = "bin:"
    while len(ends) < AISLES_MAX:
        row = sql.execute(
            "SELECT MIN(account) FROM balances WHERE account > ? AND account < 'bin;'", (after,)
        ).fetchone()
        if row[0] is None:
            break
        aisle = str(row[0]).partition("-")[0]
        last = sql.execute(
            "SELECT MAX(account) FROM balances WHERE account >= ? AND account < ?",
            (row[0], aisle + "."),
        ).fetchone()
        ends.append(str(last[0] or row[0]).removeprefix("bin:"))
        after = aisle + "."
    return ends


class StationSeen(NamedTuple):
    """A station that was used, by whom, and when it was last heard."""

    station: str
    kind: str
    badge: str | None
    person: str | None
    changed_ms: int


def stations(sql: sqlite3.Connection, kind: str = "") -> list[StationSeen]:
    """Return the stations of one kind, or all of them."""
    rows = sql.execute(
        "SELECT s.station, s.kind, s.badge, m.name, s.changed_ms FROM stations s "
        "LEFT JOIN people m ON m.badge = s.badge WHERE :kind = '' OR s.kind = :kind "
        "ORDER BY s.kind, s.station LIMIT 500",
        {"kind": kind},
    )
    return [StationSeen(*row) for row in rows]


def unbalanced_skus(sql: sqlite3.Connection) -> int:
    """Return for how many SKUs the ledger does not add up to zero; any above 0 is an alarm."""
    row = sql.execute(
        "SELECT COUNT(*) FROM (SELECT 1 FROM balances GROUP BY sku HAVING SUM(quantity) <> 0)"
    ).fetchone()
    return int(row[0])


class LogHead(NamedTuple):
    """The fact log and the line to the hub: what was written, what the hub has confirmed."""

    node: str
    incarnation: int
    boot_no: int
    down_cursor: int
    head_seq: int
    acked_seq: int
    head_hash: bytes
    oldest_waiting_ms: int | None

    @property
    def waiting(self) -> int:
        """Facts that the hub has not confirmed yet."""
        return self.head_seq - self.acked_seq


def log_head(sql: sqlite3.Connection) -> LogHead | None:
    """Return the head of the newest log, None before the node was ever opened."""
    row = sql.execute(
        "SELECT n.node, n.incarnation, n.boot_no, n.down_cursor, l.head_seq, l.acked_seq, "
        "l.head_hash, (SELECT f.wall_ms FROM facts f WHERE f.incarnation = n.incarnation "
        "  AND f.seq = l.acked_seq + 1) "
        "FROM node_state n JOIN logs l USING (incarnation)"
    ).fetchone()
    return LogHead(*row) if row else None
