"""Pictures made of a few numbers: the chart of the day and the map of the floor.

Only geometry is worked out here, in the units of each drawing; templates draw it as SVG, which
prints, scales and can be read by a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from edge.domain.forecast import HOUR_MS, Pace
from edge.domain.layout import FloorPlan, plan_of
from edge.store.console_views import Stop

CHART_LEFT: Final = 34
CHART_RIGHT: Final = 412
CHART_TOP: Final = 36
CHART_BOTTOM: Final = 209
BARS_MIN: Final = 8
BARS_MAX: Final = 14
LABELLED_MAX: Final = 12
STEPS: Final = (1, 2, 4, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000)


class Bar(NamedTuple):
    """One hour: what was packed (`height`) and what may come on top of it (`more`)."""

    hour: str
    x: float
    width: float
    y: float
    height: float
    more_y: float
    more: float
    packed: int
    labelled: bool


class Rung(NamedTuple):
    """A line of the scale."""

    y: float
    label: int


class Need(NamedTuple):
    """A piece of the line of the needed pace."""

    x1: float
    x2: float
    y: float
    per_hour: int


class Chart(NamedTuple):
    """Parcels per hour over a working day."""

    bars: list[Bar]
    rungs: list[Rung]
    needs: list[Need]
    needs_path: str


def chart(
    packed: dict[int, int],
    *,
    day_start_ms: int,
    now_ms: int,
    left: int,
    per_hour: int,
    needed: Sequence[Pace],
) -> Chart:
    """Return the chart; `packed` counts per hour after `day_start_ms`, `left` are still to pack."""
    now_hour = (now_ms - day_start_ms) // HOUR_MS
    hours = _hours(packed, now_hour, left, per_hour)
    coming = _coming(hours, now_hour, now_ms - day_start_ms, left, per_hour)
    # An overdue hour may ask for ten times the pace: the line leaves the chart, the bars stay.
    tallest = max([packed.get(h, 0) + coming.get(h, 0) for h in hours] + [1])
    highest = max([tallest, *(min(step.per_hour, 2 * tallest) for step in needed)])
    rung = next((step for step in STEPS if highest / step <= 4), STEPS[-1])
    scale = (CHART_BOTTOM - CHART_TOP) / max(rung * -(-highest // rung), 1)
    pitch = (CHART_RIGHT - CHART_LEFT) / len(hours)
    bars = []
    for place, hour in enumerate(hours):
        height = packed.get(hour, 0) * scale
        more = coming.get(hour, 0) * scale
        bars.append(
            Bar(
                hour=f"{hour % 24:02d}",
                x=round(CHART_LEFT + place * pitch + pitch * 0.15, 1),
                width=round(pitch * 0.7, 1),
                y=round(CHART_BOTTOM - height, 1),
                height=round(height, 1),
                more_y=round(CHART_BOTTOM - height - more, 1),
                more=round(more, 1),
                packed=packed.get(hour, 0),
                labelled=len(hours) <= LABELLED_MAX and packed.get(hour, 0) > 0 and hour < now_hour,
            )
        )
    rungs = [
        Rung(round(CHART_BOTTOM - value * scale, 1), value)
        for value in range(0, highest + rung, rung)
        if CHART_BOTTOM - value * scale >= CHART_TOP - 0.5
    ]
    needs = _needs(needed, hours, pitch, scale, day_start_ms)
    return Chart(bars, rungs, needs, _path(needs))


def _hours(packed: dict[int, int], now_hour: int, left: int, per_hour: int) -> list[int]:
    """Return the hours to show: from the first packed one to the end of the forecast."""
    first = min([*packed, now_hour])
    ahead = left // per_hour + 1 if per_hour and left else 0
    last = max(now_hour + min(ahead, BARS_MAX // 2), first + BARS_MIN - 1)
    return list(range(max(first, last - BARS_MAX + 1), last + 1))


def _coming(
    hours: list[int], now_hour: int, since_midnight_ms: int, left: int, per_hour: int
) -> dict[int, int]:
    """Return the forecast per hour: this hour's rest first, then full hours until none is left."""
    coming: dict[int, int] = {}
    for hour in hours:
        if hour < now_hour or not left or not per_hour:
            continue
        share = HOUR_MS - (since_midnight_ms % HOUR_MS if hour == now_hour else 0)
        coming[hour] = min(left, per_hour * share // HOUR_MS)
        left -= coming[hour]
    return coming


def _needs(
    needed: Sequence[Pace], hours: list[int], pitch: float, scale: float, day_start_ms: int
) -> list[Need]:
    needs = []
    for step in needed:
        x1, x2 = (
            CHART_LEFT + ((at - day_start_ms) / HOUR_MS - hours[0]) * pitch
            for at in (step.from_ms, step.to_ms)
        )
        x1, x2 = max(CHART_LEFT, x1), min(CHART_RIGHT, x2)
        y = max(CHART_TOP - 14, CHART_BOTTOM - step.per_hour * scale)
        if x2 - x1 > 1:
            needs.append(Need(round(x1, 1), round(x2, 1), round(y, 1), step.per_hour))
    return needs


def _path(needs: list[Need]) -> str:
    return "".join(
        f"{'M' if place == 0 else 'L'}{need.x1} {need.y}L{need.x2} {need.y}"
        for place, need in enumerate(needs)
    )


MAP_WIDTH: Final = 504
MAP_TOP: Final = 30
MAP_BOTTOM: Final = 190
DEPOT_Y: Final = 206
CARTS_MAX: Final = 6
PLATE_WIDTH: Final = 42
PLATE_HEIGHT: Final = 24
IDLE_MS: Final = 300_000


class Aisle(NamedTuple):
    """A walkway between two rows of shelves; `name` is empty where names would collide."""

    x: float
    name: str


class Cart(NamedTuple):
    """A cart on its walk: the way behind it, the way before it, and where its plate stands."""

    name: str
    walked: str
    to_walk: str
    stops: list[tuple[float, float]]
    idle: bool
    label_x: float
    label_y: float


class Floor(NamedTuple):
    """The map of the picking area."""

    aisles: list[Aisle]
    shelf_width: float
    gap: float
    carts: list[Cart]
    more_carts: int


def floor(aisle_ends: Sequence[str], stops: Sequence[Stop], now_ms: int) -> Floor:
    """Return the map: `aisle_ends` are far bins of all aisles, `stops` those of carts out now."""
    plan = plan_of([*aisle_ends, *(stop.bin for stop in stops)])
    pitch = (MAP_WIDTH - 26) / len(plan.aisles)
    xs = [13 + pitch * (place + 0.5) for place in range(len(plan.aisles))]
    every = 1 if pitch >= 30 else 2 if pitch >= 17 else 4
    names = [name if place % every == 0 else "" for place, name in enumerate(plan.aisles)]
    walks: dict[str, list[Stop]] = {}
    for stop in stops:
        walks.setdefault(stop.cart, []).append(stop)
    carts = [_cart(name, walk, plan, xs, now_ms) for name, walk in walks.items()]
    aisles = [Aisle(round(x, 1), name) for x, name in zip(xs, names, strict=True)]
    return Floor(
        aisles,
        round(min(7.0, pitch * 0.22), 1),
        round(min(6.0, pitch * 0.18), 1),
        _apart(carts[:CARTS_MAX]),
        max(0, len(carts) - CARTS_MAX),
    )


def _cart(name: str, walk: list[Stop], plan: FloorPlan, xs: list[float], now_ms: int) -> Cart:
    points = [_point(stop.bin, plan, xs) for stop in walk]
    begun = sum(1 for stop in walk if stop.begun)
    start = (xs[0], float(DEPOT_Y))
    at = points[begun - 1] if begun else start
    walked = _way([start, *points[:begun]]) if begun else ""
    to_walk = _way([at, *points[begun:], start])
    heard = max((stop.heard_ms or 0 for stop in walk), default=0)
    idle = bool(heard) and now_ms - heard > IDLE_MS
    ahead = list(dict.fromkeys(points[begun:]))
    return Cart(name, walked, to_walk, ahead, idle, at[0], at[1])


def _apart(carts: list[Cart]) -> list[Cart]:
    """Move the plates of carts that stand together beside each other, inside the map."""
    placed: list[Cart] = []
    for cart in carts:
        x = min(max(cart.label_x, 24.0), MAP_WIDTH - 24.0)
        while any(
            abs(x - other.label_x) < PLATE_WIDTH
            and abs(cart.label_y - other.label_y) < PLATE_HEIGHT
            for other in placed
        ):
            x = x + PLATE_WIDTH if x + PLATE_WIDTH < MAP_WIDTH else 24.0
        placed.append(cart._replace(label_x=round(x, 1)))
    return placed


def _point(bin_code: str, plan: FloorPlan, xs: list[float]) -> tuple[float, float]:
    aisle, cell = plan.cell(bin_code)
    depth = (cell + 0.5) / plan.cells_per_aisle
    return round(xs[aisle], 1), round(MAP_TOP + (MAP_BOTTOM - MAP_TOP) * depth, 1)


def _way(points: list[tuple[float, float]]) -> str:
    """Return the walk as an SVG path: along aisles, and across at the nearer end."""
    path = [f"M{points[0][0]} {points[0][1]}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        if x1 != x2:
            over = (y1 - MAP_TOP) + (y2 - MAP_TOP)
            under = (MAP_BOTTOM - y1) + (MAP_BOTTOM - y2)
            across = MAP_TOP - 4 if over < under else MAP_BOTTOM + 6
            path.append(f"L{x1} {across}L{x2} {across}")
        path.append(f"L{x2} {y2}")
    return "".join(path)
