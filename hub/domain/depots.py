"""Each warehouse as one order sees it: what it has of the goods, and what a box from there costs.

What a box costs depends on where it goes, how heavy and how dear it is, which couriers go there and
when they come, how busy the floor is, and whether a box to the same door waits there already. All
of that is asked once per warehouse and box, and remembered while one decision is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from hub.domain.courier_choice import (
    DAY_MS,
    Courier,
    Lane,
    Load,
    Rate,
    best_rate,
    goes_there,
    lane_of,
    price_minor,
    zone_of,
)
from hub.domain.policy import Policy

CARTON_GRAMS: Final = 120
"""What a carton adds to the weight of its goods."""
Triple = tuple[int, int, int]
"""Grams, cubic millimetres and value of what lies in one box."""
NOTHING: Final = Load(0)
NO_RATE: Final = Rate(0, 0, 0, late=False, forced=False)


class Good(msgspec.Struct, frozen=True):
    """Units of one SKU that the order wants; weight (1 g at least), volume, value are of one."""

    sku: str
    units: int
    weight_grams: int
    volume_mm3: int
    value_minor: int


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision has to know beside stock: the house's policy and this one order.

    `open_parcels` are those each floor has to work off. `boxes` are goods of the same buyer that
    wait in a warehouse for their box, so that more goods there make no parcel more. `may_wait`: the
    order can still wait for a plan without a part too small to leave alone.
    """

    policy: Policy
    now_ms: int
    ship_by_ms: int = 0
    province: str = ""
    city: str = ""
    fastest: bool = False
    may_wait: bool = False
    open_parcels: Mapping[str, int] = {}
    boxes: Mapping[str, Load] = {}


class Depot:
    """One warehouse as this order sees it: what it has, and what a box from there costs."""

    def __init__(
        self,
        warehouse: str,
        atp: Mapping[str, int],
        distance_m: int | None,
        goods: Sequence[Good],
        terms: Terms | None,
    ) -> None:
        """Without `terms` nobody knows where the goods go, and boxes cost nothing."""
        self.warehouse = warehouse
        self.atp = [max(0, atp.get(good.sku, 0)) for good in goods]
        self.has = [min(units, good.units) for units, good in zip(self.atp, goods, strict=True)]
        self.distance_m = distance_m
        self.box = NOTHING
        self.spoils = False
        self.fresher = [0] * len(goods)
        self.foreign = False
        self.load_permille = 0
        self._rates: dict[Triple, Rate] = {}
        self._lanes: tuple[Lane, ...] = ()
        self._last_resort: Lane | None = None
        if terms is not None:
            self._open(goods, terms)

    def _open(self, goods: Sequence[Good], terms: Terms) -> None:
        rules, table = terms.policy.sourcing, terms.policy.couriers
        if rules.sell_first:
            self.spoils = True
            self.fresher = [rules.fresher(self.warehouse, good.sku) for good in goods]
        self.box = terms.boxes.get(self.warehouse, NOTHING)
        self.foreign = not rules.serves(self.warehouse, terms.province)
        capacity = rules.capacity_parcels.get(self.warehouse)
        waiting = terms.open_parcels.get(self.warehouse, 0)
        self.load_permille = 0 if capacity is None else waiting * 1_000 // capacity
        # A floor with work for a day more than it can pack sends this order a day later.
        ready_ms = terms.now_ms + self.load_permille // 1_000 * DAY_MS
        zone = zone_of(self.distance_m)

        def lane(courier: Courier) -> Lane:
            return lane_of(
                courier,
                zone,
                now_ms=ready_ms,
                ship_by_ms=terms.ship_by_ms,
                utc_offset_minutes=table.utc_offset_minutes,
            )

        self._lanes = tuple(
            lane(one) for one in table.couriers if goes_there(one, terms.province, terms.city)
        )
        self._last_resort = lane(max(table.couriers, key=lambda one: one.weight_max_grams))
        self._fastest = terms.fastest
        self._fixed_minor = rules.parcel_fixed_minor

    @property
    def joins(self) -> bool:
        """Whether the goods go into a box that leaves anyway."""
        return self.box is not NOTHING

    @property
    def timely(self) -> bool:
        """Whether a courier that goes to the door leaves in time, be the box small enough."""
        return any(lane.in_time for lane in self._lanes)

    def rate(self, load: Triple) -> Rate:
        """Return what a box with `load` in it costs; goods that share a box only what they add."""
        known = self._rates.get(load)
        if known is None:
            known = self._rates[load] = self._rate(Load(*load))
        return known

    def _rate(self, load: Load) -> Rate:
        if self._last_resort is None:
            return NO_RATE
        if self.joins:
            box = self.box
            both = Load(
                box.weight_grams + load.weight_grams,
                box.volume_mm3 + load.volume_mm3,
                box.value_minor + load.value_minor,
            )
            rate = self._whole(both)
            price = rate.price_minor - self._whole(self.box).price_minor
        else:
            rate = self._whole(load)
            price = rate.price_minor + self._fixed_minor
        return msgspec.structs.replace(rate, price_minor=price)

    def _whole(self, load: Load) -> Rate:
        boxed = Load(load.weight_grams + CARTON_GRAMS, load.volume_mm3, load.value_minor)
        rate = best_rate(self._lanes, boxed, fastest=self._fastest)
        lane = self._last_resort
        if rate is None and lane is not None:
            price = price_minor(lane.courier, boxed, lane.zone)
            rate = Rate(price, lane.cut_off_ms, lane.arrives_ms, not lane.in_time, forced=True)
        return rate or NO_RATE
