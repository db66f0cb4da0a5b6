"""Which courier takes a parcel, and by when it must stand at the door.

Every courier comes once a day at its cut-off. A parcel released too late for today's cut-off leaves
tomorrow. Among the couriers that carry the weight and leave before the order's ship-by time, the
cheapest is taken; when none leaves in time, the one that leaves first. The table is data.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

import msgspec

DAY_MS: Final = 86_400_000
MINUTE_MS: Final = 60_000
FLOOR_MINUTES: Final = 30
"""A floor needs this long from release to the door; a nearer cut-off is not promised."""
ZONES_KM: Final = (100, 500, 1_500)
"""Outer limits of the zones local, near and far; beyond is remote."""
ZONE_NAMES: Final = ("local", "near", "far", "remote")
ZONE_UNKNOWN: Final = 2
"""Zone of an address without coordinates."""


class Courier(msgspec.Struct, frozen=True, kw_only=True):
    """One courier: when it comes (minutes after local midnight) and what it asks per zone.

    Prices are in minor units: for the first kilogram, and for each further one begun.
    """

    courier: str
    name: str
    prefix: str
    cut_off_minutes: int
    weight_max_grams: int
    first_kg_minor: tuple[int, int, int, int]
    next_kg_minor: tuple[int, int, int, int]


DEFAULT_COURIERS: Final = (
    Courier(
        courier="SF", name="顺丰速运", prefix="SF", cut_off_minutes=20 * 60 + 30,
        weight_max_grams=100_000, first_kg_minor=(1200, 1500, 1800, 2200),
        next_kg_minor=(200, 500, 800, 1200),
    ),
    Courier(
        courier="ZTO", name="中通快递", prefix="ZT", cut_off_minutes=18 * 60 + 30,
        weight_max_grams=50_000, first_kg_minor=(500, 600, 800, 1300),
        next_kg_minor=(100, 200, 450, 900),
    ),
    Courier(
        courier="YTO", name="圆通速递", prefix="YT", cut_off_minutes=17 * 60 + 30,
        weight_max_grams=50_000, first_kg_minor=(450, 620, 850, 1250),
        next_kg_minor=(120, 220, 400, 850),
    ),
    Courier(
        courier="JD", name="京东物流", prefix="JD", cut_off_minutes=19 * 60 + 30,
        weight_max_grams=100_000, first_kg_minor=(900, 1100, 1400, 1800),
        next_kg_minor=(150, 350, 600, 1000),
    ),
)  # fmt: skip


class Quote(msgspec.Struct, frozen=True):
    """What one courier would ask and when it would leave."""

    courier: str
    price_minor: int
    cut_off_ms: int
    in_time: bool


class CourierChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The courier taken, with the numbers of all others."""

    courier: str
    cut_off_ms: int
    price_minor: int
    zone: str
    sentence: str
    quotes: tuple[Quote, ...]


def zone_of(distance_m: int | None) -> int:
    """Return the zone's index in ZONE_NAMES for a distance in metres."""
    if distance_m is None:
        return ZONE_UNKNOWN
    kilometres = distance_m // 1000
    return sum(1 for limit in ZONES_KM if kilometres > limit)


def next_cut_off_ms(courier: Courier, now_ms: int, utc_offset_minutes: int) -> int:
    """Return the first cut-off that a parcel released at `now_ms` can still reach."""
    local_ms = now_ms + utc_offset_minutes * MINUTE_MS
    today_ms = local_ms - local_ms % DAY_MS + courier.cut_off_minutes * MINUTE_MS
    reachable = today_ms >= local_ms + FLOOR_MINUTES * MINUTE_MS
    return today_ms - utc_offset_minutes * MINUTE_MS + (0 if reachable else DAY_MS)


def price_minor(courier: Courier, weight_grams: int, zone: int) -> int:
    """Return the price of a parcel in minor units."""
    further = max(0, -(-weight_grams // 1000) - 1)
    return courier.first_kg_minor[zone] + further * courier.next_kg_minor[zone]


def choose_courier(
    couriers: tuple[Courier, ...],
    *,
    weight_grams: int,
    distance_m: int | None,
    now_ms: int,
    ship_by_ms: int,
    utc_offset_minutes: int,
) -> CourierChoice:
    """Return the cheapest courier that leaves by `ship_by_ms` (0: no wish), else the first to go.

    A parcel heavier than every limit goes to the courier with the highest one.
    """
    zone = zone_of(distance_m)
    able = [one for one in couriers if weight_grams <= one.weight_max_grams]
    if not able:
        able = [max(couriers, key=lambda one: one.weight_max_grams)]
    quotes = []
    for one in able:
        cut_off_ms = next_cut_off_ms(one, now_ms, utc_offset_minutes)
        in_time = not ship_by_ms or cut_off_ms <= ship_by_ms
        quotes.append(Quote(one.courier, price_minor(one, weight_grams, zone), cut_off_ms, in_time))
    timely = [quote for quote in quotes if quote.in_time]
    if timely:
        best = min(timely, key=lambda quote: (quote.price_minor, quote.cut_off_ms, quote.courier))
        sentence = f"{best.courier} is the cheapest of {len(timely)} that leave in time."
    else:
        best = min(quotes, key=lambda quote: (quote.cut_off_ms, quote.price_minor, quote.courier))
        sentence = f"No courier leaves before the ship-by time; {best.courier} leaves first."
    return CourierChoice(
        courier=best.courier,
        cut_off_ms=best.cut_off_ms,
        price_minor=best.price_minor,
        zone=ZONE_NAMES[zone],
        sentence=sentence,
        quotes=tuple(quotes),
    )


def waybill_number(courier: Courier, number: int) -> str:
    """Return the waybill of the courier's `number`-th parcel: prefix, 11 digits, check digit.

    >>> waybill_number(DEFAULT_COURIERS[0], 1)
    'SF100000000017'
    """
    digits = f"{10_000_000_000 + number:011d}"
    odd = sum(int(digit) for digit in digits[::-1][0::2]) * 3
    even = sum(int(digit) for digit in digits[::-1][1::2])
    return f"{courier.prefix}{digits}{(-(odd + even)) % 10}"


def sort_code(province: str, city: str, district: str) -> str:
    """Return the three-part code by which the courier sorts: `755W-H2-018`.

    Real couriers hand it out; this one is a stable hash of the destination.
    """
    hub = crc32(f"{province}/{city}".encode())
    branch = crc32(f"{province}/{city}/{district}".encode())
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    return (
        f"{hub % 900 + 100}{letters[hub // 900 % 24]}-"
        f"{letters[branch % 24]}{branch // 24 % 9 + 1}-{branch // 216 % 999 + 1:03d}"
    )
