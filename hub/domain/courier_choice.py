"""Which courier takes a parcel, and by when it must stand at the door.

Every courier comes once a day at its cut-off. A parcel released too late for today's cut-off leaves
tomorrow. A courier is able when it goes to that door and carries that weight and that value. Among
the able ones that leave before the order's ship-by time the cheapest is taken (for an order marked
`vip` the one that arrives first); when none leaves in time, the one that leaves first. Couriers
charge a pillow by its volume, not its weight, so the price takes the larger of the two. The table
is data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal
from zlib import crc32

import msgspec

from hub.domain.waybill_numbers import CheckRule, mod10

Money = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
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

    Prices are in minor units: for the first `first_grams`, and for each further `step_grams` begun.
    `volume_divisor` is cubic centimetres charged as one kilogram, 0 when volume is free;
    `insurance_basis_points` is charged on the value (1 is a hundredth of a percent); a value above
    `value_max_minor` is not taken (0: any). `covers` and `covers_not` are provinces, or province
    and city with a slash; an empty `covers` is everywhere.

    `numbers` says where waybill numbers come from: `made` by head office at release, by a rule
    agreed with the courier; `leased` from ranges the courier handed out, taken at the bench;
    `online` from the courier's `url`, asked for each parcel. `check` is the check digit's rule.
    """

    courier: str
    name: str
    prefix: str
    cut_off_minutes: int
    weight_max_grams: int
    first_kg_minor: tuple[Money, Money, Money, Money]
    next_kg_minor: tuple[Money, Money, Money, Money]
    first_grams: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    step_grams: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    volume_divisor: Annotated[int, msgspec.Meta(ge=0)] = 0
    value_max_minor: Money = 0
    insurance_basis_points: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    transit_hours: tuple[int, int, int, int] = (24, 48, 72, 96)
    covers: tuple[str, ...] = ()
    covers_not: tuple[str, ...] = ()
    numbers: Literal["made", "leased", "online"] = "made"
    check: CheckRule = ""
    url: str = ""


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


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be carried, and where to; `distance_m` is None when nobody knows."""

    weight_grams: int
    volume_mm3: int = 0
    value_minor: int = 0
    distance_m: int | None = None
    province: str = ""
    city: str = ""
    fastest: bool = False


class Load(msgspec.Struct, frozen=True):
    """What is in a box, as far as a courier minds."""

    weight_grams: int
    volume_mm3: int = 0
    value_minor: int = 0


class Lane(msgspec.Struct, frozen=True):
    """One courier from one door to another: when it would leave and arrive."""

    courier: Courier
    zone: int
    cut_off_ms: int
    in_time: bool
    arrives_ms: int


class Rate(msgspec.Struct, frozen=True):
    """The best offer for one box on some lanes; `forced` means that no courier can take it."""

    price_minor: int
    cut_off_ms: int
    arrives_ms: int
    late: bool
    forced: bool


class Quote(msgspec.Struct, frozen=True):
    """What one courier would ask, when it would leave, and when it would arrive."""

    courier: str
    price_minor: int
    cut_off_ms: int
    in_time: bool
    arrives_ms: int = 0


class CourierChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The courier taken, with the numbers of all others; `unable` says why some gave no quote.

    `forced` means that no courier is able and a person has to look.
    """

    courier: str
    cut_off_ms: int
    price_minor: int
    zone: str
    sentence: str
    quotes: tuple[Quote, ...]
    unable: dict[str, str] = {}
    forced: bool = False


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


def charged_grams(courier: Courier, load: Load | Shipment) -> int:
    """Return the weight the courier charges: the scale's, or the volume's when that is more."""
    if not courier.volume_divisor:
        return load.weight_grams
    # A divisor of 6000 means that 6000 cm3, which are 6,000,000 mm3, count as 1000 g.
    return max(load.weight_grams, load.volume_mm3 // courier.volume_divisor)


def price_minor(courier: Courier, load: Load | Shipment, zone: int) -> int:
    """Return the price of a parcel in minor units, insurance included."""
    beyond = max(0, charged_grams(courier, load) - courier.first_grams)
    steps = -(-beyond // courier.step_grams)
    insurance = -(-load.value_minor * courier.insurance_basis_points // 10_000)
    return courier.first_kg_minor[zone] + steps * courier.next_kg_minor[zone] + insurance


def goes_there(courier: Courier, province: str, city: str) -> bool:
    """Say whether the courier goes to that door; an unknown province is not held against it."""
    place = province.strip()
    names = {place, f"{place}/{city.strip()}"}
    return not place or not (
        (courier.covers and not names & set(courier.covers)) or names & set(courier.covers_not)
    )


def why_unable(courier: Courier, shipment: Shipment) -> str:
    """Return why the courier cannot take the parcel, empty when it can."""
    if not goes_there(courier, shipment.province, shipment.city):
        return "does not go there"
    if shipment.weight_grams > courier.weight_max_grams:
        return f"carries at most {courier.weight_max_grams} g"
    if courier.value_max_minor and shipment.value_minor > courier.value_max_minor:
        return f"takes goods worth at most {courier.value_max_minor} minor units"
    return ""


def lane_of(
    courier: Courier, zone: int, *, now_ms: int, ship_by_ms: int, utc_offset_minutes: int
) -> Lane:
    """Return when the courier would take and bring a parcel that is released at `now_ms`."""
    cut_off_ms = next_cut_off_ms(courier, now_ms, utc_offset_minutes)
    in_time = not ship_by_ms or cut_off_ms <= ship_by_ms
    return Lane(
        courier, zone, cut_off_ms, in_time, cut_off_ms + courier.transit_hours[zone] * HOUR_MS
    )


def best_rate(lanes: Sequence[Lane], load: Load, *, fastest: bool) -> Rate | None:
    """Return what `choose_courier` would choose among couriers that go there, None for nobody."""
    best: tuple[tuple[int, int, int, str], Lane, int] | None = None
    for lane in lanes:
        courier = lane.courier
        if load.weight_grams > courier.weight_max_grams:
            continue
        if courier.value_max_minor and load.value_minor > courier.value_max_minor:
            continue
        price = price_minor(courier, load, lane.zone)
        if not lane.in_time:
            order = (1, lane.cut_off_ms, price, courier.courier)
        elif fastest:
            order = (0, lane.arrives_ms, price, courier.courier)
        else:
            order = (0, price, lane.cut_off_ms, courier.courier)
        if best is None or order < best[0]:
            best = (order, lane, price)
    if best is None:
        return None
    order, lane, price = best
    return Rate(price, lane.cut_off_ms, lane.arrives_ms, not lane.in_time, forced=False)


def choose_courier(
    couriers: tuple[Courier, ...],
    shipment: Shipment,
    *,
    now_ms: int,
    ship_by_ms: int,
    utc_offset_minutes: int,
) -> CourierChoice:
    """Return the best courier that leaves by `ship_by_ms` (0: no wish), else the first to go.

    When none is able, the one that carries most is named and the choice says that it is forced.
    """
    zone = zone_of(shipment.distance_m)
    unable = {one.courier: why for one in couriers if (why := why_unable(one, shipment))}
    able = [one for one in couriers if one.courier not in unable]
    forced = not able
    quotes = []
    for one in able or [max(couriers, key=lambda one: one.weight_max_grams)]:
        lane = lane_of(
            one, zone, now_ms=now_ms, ship_by_ms=ship_by_ms, utc_offset_minutes=utc_offset_minutes
        )
        price = price_minor(one, shipment, zone)
        quotes.append(Quote(one.courier, price, lane.cut_off_ms, lane.in_time, lane.arrives_ms))
    best, sentence = _best(quotes, fastest=shipment.fastest)
    if forced:
        sentence = f"No courier can take it; {best.courier} carries most. A person has to look."
    return CourierChoice(
        courier=best.courier,
        cut_off_ms=best.cut_off_ms,
        price_minor=best.price_minor,
        zone=ZONE_NAMES[zone],
        sentence=sentence,
        quotes=tuple(quotes),
        unable=unable,
        forced=forced,
    )


def _best(quotes: list[Quote], *, fastest: bool) -> tuple[Quote, str]:
    timely = [quote for quote in quotes if quote.in_time]
    if not timely:
        best = min(quotes, key=lambda quote: (quote.cut_off_ms, quote.price_minor, quote.courier))
        return best, f"No courier leaves before the ship-by time; {best.courier} leaves first."
    if fastest:
        best = min(timely, key=lambda quote: (quote.arrives_ms, quote.price_minor, quote.courier))
        return best, f"{best.courier} arrives first of {len(timely)} that leave in time."
    best = min(timely, key=lambda quote: (quote.price_minor, quote.cut_off_ms, quote.courier))
    return best, f"{best.courier} is the cheapest of {len(timely)} that leave in time."


def waybill_number(courier: Courier, number: int) -> str:
    """Return the waybill of the courier's `number`-th parcel: prefix, 11 digits, check digit.

    >>> waybill_number(DEFAULT_COURIERS[0], 1)
    'SF100000000017'
    """
    digits = f"{10_000_000_000 + number:011d}"
    return f"{courier.prefix}{digits}{mod10(digits)}"


def waybill_parts(waybill: str) -> tuple[str, int] | None:
    """Return prefix and number of a waybill that `waybill_number` made, None for another.

    >>> waybill_parts("SF100000000017")
    ('SF', 1)
    """
    prefix, digits = waybill[:-12], waybill[-12:-1]
    if not prefix.isalpha() or not (digits.isascii() and digits.isdigit()):
        return None
    number = int(digits) - 10_000_000_000
    return (prefix, number) if number > 0 else None


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
