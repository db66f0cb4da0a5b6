"""The lead's first page: will we make the cut-offs, and what is in the way?

One sentence answers, one button offers the best next action, and everything below is the evidence:
the cut-offs, the waves in work, what waits for a person, the pace of the day, the carts' walks.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

import msgspec

from edge.domain.forecast import HOUR_MS, Due, Outlook, needed_pace, outlooks, pace_per_hour
from edge.store import console_views as views
from edge.web.console import pictures
from edge.web.console.formats import day_start_ms

CARDS_MAX: Final = 5
WAVES_SHOWN: Final = 6
QUEUE_SHOWN: Final = 7
IDLE_MS: Final = 300_000
TRACK_LENGTH: Final = 174
"""Units on a card's track between now and the cut-off."""
TRACK_OVER: Final = 60


class Action(NamedTuple):
    """The one best thing to do next: a sentence, and a link or a request."""

    code: str
    params: dict[str, str | int]
    href: str = ""
    api: str = ""


class Card(NamedTuple):
    """A cut-off with its outlook. `reach` is where the finish lies on the track, None unknown."""

    outlook: Outlook
    over: bool
    reach: int | None


class Cut(NamedTuple):
    """Everything above the fold."""

    cards: list[Card]
    more: int
    on_track: int
    late: list[Outlook]
    left: int
    packed_today: int
    last_packed_ms: int | None
    per_hour: int
    first: Due | None
    action: Action | None


def read_cut(sql: sqlite3.Connection, now_ms: int) -> Cut:
    """Return the cut-offs of today with their outlook, and the best action."""
    day = day_start_ms(now_ms)
    dues = [Due(*row) for row in views.cut_offs(sql, day)]
    packed, first_ms = views.packed_since(sql, now_ms - HOUR_MS)
    per_hour = pace_per_hour(packed, first_ms, now_ms)
    found = outlooks(dues, per_hour, now_ms)
    shown = [look for look in found if look.due.left or look.due.cut_off_ms > now_ms]
    late = [look for look in shown if look.late]
    cards = [_card(look, now_ms) for look in _most_telling(shown)]
    by_hour = views.packed_by_hour(sql, day)
    left = sum(due.left for due in dues)
    return Cut(
        cards=cards,
        more=len(shown) - len(cards),
        on_track=sum(1 for look in shown if not look.late),
        late=late,
        left=left,
        packed_today=sum(by_hour.values()),
        last_packed_ms=views.last_packed(sql),
        per_hour=per_hour,
        first=next((due for due in dues if due.left), None),
        action=_best_action(sql, late, dues, now_ms),
    )


def _most_telling(shown: list[Outlook]) -> list[Outlook]:
    """Return the cut-offs to show as cards: those with parcels left first, in order of time."""
    wanted = sorted(shown, key=lambda look: (not look.due.left, look.due.cut_off_ms))[:CARDS_MAX]
    return sorted(wanted, key=lambda look: look.due.cut_off_ms)


def _card(look: Outlook, now_ms: int) -> Card:
    until = look.due.cut_off_ms - now_ms
    reach = None
    if look.finish_ms is not None and until > 0:
        share = (look.finish_ms - now_ms) * TRACK_LENGTH // until
        reach = min(TRACK_LENGTH + TRACK_OVER, share)
        # Even a minute too late must be seen beside the mark.
        reach = max(reach, TRACK_LENGTH + 10) if look.late else min(reach, TRACK_LENGTH)
    return Card(look, until <= 0, reach)


def _best_action(
    sql: sqlite3.Connection, late: list[Outlook], dues: list[Due], now_ms: int
) -> Action | None:
    """Return what helps most: a stopped bench, a cart that stands, parcels nobody planned."""
    waiting = views.waiting(sql, 1)
    if waiting and waiting[0].kind == "stop":
        first = waiting[0]
        place = first.station or first.subject
        return Action(
            "con.act.stop", {"station": place, "n": views.waiting_count(sql)},
            href=f"/exceptions/{first.exception_id}",
        )  # fmt: skip
    unplanned = sum(due.unplanned for due in dues)
    idle = _idle_wave(sql, {look.due.cut_off_ms for look in late}, now_ms)
    if idle is not None:
        return idle
    if unplanned:
        return Action("con.act.plan", {"n": unplanned}, api="/api/v1/waves")
    if waiting:
        return Action(
            "con.act.look", {"n": views.waiting_count(sql)},
            href=f"/exceptions/{waiting[0].exception_id}",
        )  # fmt: skip
    return None


def _idle_wave(sql: sqlite3.Connection, late: set[int], now_ms: int) -> Action | None:
    """Return the action for a pick list that stands still or that nobody took, if any."""
    waves = views.waves_in_progress(sql, WAVES_SHOWN)
    lists = views.lists_of(sql, [wave.wave for wave in waves])
    due = {wave.wave: wave.cut_off_ms for wave in waves}
    for row in lists:
        idle_ms = idle_of(row, now_ms)
        if idle_ms:
            return Action(
                "con.act.idle",
                {"list": row.pick_list, "m": idle_ms // 60_000, "person": row.person or ""},
                href=f"/waves/{row.wave}",
            )
    open_ = [row for row in lists if row.state == "open" and due[row.wave] in late]
    if open_:
        return Action(
            "con.act.take",
            {"list": open_[0].pick_list, "n": len(open_)},
            href=f"/waves/{open_[0].wave}",
        )
    return None


def idle_of(row: views.ListProgress, now_ms: int) -> int:
    """Return for how long a cart that is out has not scanned, 0 when it moves."""
    if row.state != "picking":
        return 0
    heard = max(row.heard_ms or 0, row.started_ms or 0)
    return now_ms - heard if now_ms - heard > IDLE_MS else 0


class WaveLine(NamedTuple):
    """A wave in the table: stage code with its parameters, people, progress, expected finish."""

    wave: views.WaveProgress
    stage: str
    carts: list[str]
    people: list[str]
    unit: str
    done: int
    total: int
    expected_ms: int | None
    idle_ms: int


def read_waves(
    sql: sqlite3.Connection, now_ms: int, limit: int = WAVES_SHOWN
) -> tuple[list[WaveLine], int]:
    """Return the waves in progress (at most `limit`) and how many there are."""
    waves = views.waves_in_progress(sql)
    shown = waves[:limit]
    lists = views.lists_of(sql, [wave.wave for wave in shown])
    benches = views.packers(sql)
    packed, first_ms = views.packed_since(sql, now_ms - HOUR_MS)
    per_hour = pace_per_hour(packed, first_ms, now_ms)
    lines = []
    for wave in shown:
        own = [row for row in lists if row.wave == wave.wave]
        packing = [row for row in benches if row.wave == wave.wave]
        lines.append(_wave_line(wave, own, packing, per_hour, now_ms))
    return lines, len(waves)


def _wave_line(
    wave: views.WaveProgress,
    lists: list[views.ListProgress],
    packing: list[views.Packer],
    per_hour: int,
    now_ms: int,
) -> WaveLine:
    out = [row for row in lists if row.state == "picking"]
    idle = max((idle_of(row, now_ms) for row in out), default=0)
    if wave.units_done < wave.units:
        stage = "picking" if out or wave.units_done else "planned"
        started = min((row.started_ms for row in lists if row.started_ms), default=None)
        expected = None
        if started is not None and wave.units_done and now_ms > started:
            left = wave.units - wave.units_done
            expected = now_ms + left * (now_ms - started) // wave.units_done
        carts = sorted({row.cart for row in out if row.cart})
        people = sorted({row.person for row in out if row.person})
        return WaveLine(
            wave, stage, carts, people, "units", wave.units_done, wave.units, expected, idle
        )
    left = wave.parcels - wave.parcels_packed
    expected = now_ms + left * HOUR_MS // per_hour if per_hour else None
    people = list(dict.fromkeys(row.person or row.bench for row in packing))
    stage = "packing" if packing or wave.parcels_packed else "picked"
    return WaveLine(
        wave, stage, [], people, "parcels", wave.parcels_packed, wave.parcels, expected, 0
    )


def read_chart(sql: sqlite3.Connection, now_ms: int) -> tuple[pictures.Chart, int, int]:
    """Return the chart of the day, parcels packed today and parcels to go."""
    day = day_start_ms(now_ms)
    packed = views.packed_by_hour(sql, day)
    recent, first_ms = views.packed_since(sql, now_ms - HOUR_MS)
    dues = [Due(*row) for row in views.cut_offs(sql, day)]
    left = sum(due.left for due in dues)
    drawn = pictures.chart(
        packed,
        day_start_ms=day,
        now_ms=now_ms,
        left=left,
        per_hour=pace_per_hour(recent, first_ms, now_ms),
        needed=needed_pace(dues, now_ms),
    )
    return drawn, sum(packed.values()), left


def read_floor(sql: sqlite3.Connection, now_ms: int) -> pictures.Floor:
    """Return the map with the walks of all carts that are out."""
    return pictures.floor(views.aisles(sql), views.walks(sql), now_ms)


class Books(msgspec.Struct, frozen=True):
    """Whether the ledger adds up, and when that was looked at."""

    unbalanced: int
    at_ms: int


def read_books(sql: sqlite3.Connection, now_ms: int) -> Books:
    """Add up the ledger."""
    return Books(views.unbalanced_skus(sql), now_ms)
