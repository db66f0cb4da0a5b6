"""What a house has decided about its parcels: its couriers, and what a parcel may cost or save.

Every number here is a choice of people, not of the program, and is data: `BINCARD_HUB_COURIERS` and
`BINCARD_HUB_SOURCING` name the files. The defaults choose as a house would that decided nothing:
fewest parcels, then least postage.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from hub.domain.courier_choice import DEFAULT_COURIERS, Courier, Money

UTC_OFFSET_MINUTES: Final = 480
"""China's time; couriers' cut-offs are local times."""
WEEK_MINUTES: Final = 7 * 24 * 60

Minutes = Annotated[int, msgspec.Meta(ge=0, le=WEEK_MINUTES)]


class CourierTable(msgspec.Struct, frozen=True, kw_only=True):
    """The couriers in use and the local time by which their cut-offs are meant."""

    couriers: tuple[Courier, ...] = DEFAULT_COURIERS
    utc_offset_minutes: int = UTC_OFFSET_MINUTES


class Region(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Provinces that these warehouses serve first, such as East China from Shanghai."""

    warehouses: tuple[str, ...]
    provinces: tuple[str, ...]


class SourcingRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How warehouses are chosen. Money is in minor units; 0 switches a rule off.

    `parcel_fixed_minor` is what a parcel costs beside postage (carton, hands). A part of an order
    worth less than `parcel_value_min_minor` does not leave alone: the order waits for stock that
    makes it one parcel, up to `parcel_value_wait_minutes`, but never so long that it would be late.
    `parcels_per_order_max` is a hard limit. `capacity_parcels` is what a floor packs in a day. For
    `merge_window_minutes` after an order came in its parcels wait for others to the same buyer and
    door, but never so long that they miss their courier. Every `replan_minutes` the open pool is
    planned again; `replan_saving_minor` is the least money that moves a parcel. `sell_first` names,
    per SKU that spoils, the warehouses whose goods expire first, the nearest expiry first.
    """

    parcel_fixed_minor: Money = 0
    parcel_value_min_minor: Money = 0
    parcel_value_wait_minutes: Minutes = 24 * 60
    merge_window_minutes: Minutes = 0
    replan_minutes: Minutes = 15
    replan_saving_minor: Money = 100
    parcels_per_order_max: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0
    regions: tuple[Region, ...] = ()
    sell_first: dict[str, tuple[str, ...]] = {}
    capacity_parcels: dict[str, Annotated[int, msgspec.Meta(ge=1, le=10**9)]] = {}

    def fresher(self, warehouse: str, sku: str) -> int:
        """Return how many warehouses have goods of `sku` that expire before those of this one."""
        first = self.sell_first.get(sku, ())
        return first.index(warehouse) if warehouse in first else len(first)

    def serves(self, warehouse: str, province: str) -> bool:
        """Return False when `province` is in a region that `warehouse` does not belong to."""
        place = province.strip()
        served_by = [region.warehouses for region in self.regions if place in region.provinces]
        return not served_by or any(warehouse in warehouses for warehouses in served_by)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """All that a use case has to know of what the house decided."""

    couriers: CourierTable = CourierTable()
    sourcing: SourcingRules = SourcingRules()
