"""Couriers of a world: they hand out ranges of numbers, or issue one for each parcel when asked.

What a courier has issued lives outside the hub, so that a hub that went back in time gets the same
number for the same parcel. Now and then a courier is silent, or gives one number to two parcels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.couriers.issuer import CourierSilent
from hub.domain.courier_choice import DEFAULT_COURIERS, Courier
from hub.domain.policy import CourierTable
from hub.services.waybill_numbers import LevelRequest, add_numbers, set_level, supply_numbers
from hub.services.waybill_requests import ask_again, asking_failed, due_parcels, number_issued
from hub.store.protocol import Desk

if TYPE_CHECKING:
    from tests.simulation.world import World

KINDS = {
    "made": ("made",),
    "leased": ("leased",),
    "online": ("online",),
    "mixed": ("made", "leased", "online"),
}
HANDED_OUT = 300
"""Numbers per courier; no world has as many parcels."""
LEVEL = 2
"""Free numbers a warehouse should have: so few that it runs dry in the middle of work."""
PARCELS_PER_TURN = 20
SILENCE = 0.3
SAME_NUMBER = 0.05
RETRY_MS = 400


class Couriers:
    """All couriers of one world, and who at head office deals with them."""

    def __init__(self, world: World) -> None:
        """Hand out the first numbers; the others come later."""
        self.world = world
        self.dice = world.time.stream("couriers")
        kinds = KINDS[world.options.numbers]
        self.table = CourierTable(
            couriers=tuple(
                msgspec.structs.replace(one, numbers=kinds[n % len(kinds)], url="there")
                for n, one in enumerate(DEFAULT_COURIERS)
            )
        )
        self._count = 0
        self.issued: dict[str, str] = {}
        """What each parcel was given when it was asked for."""

    def hand_out(self) -> None:
        """Each courier gives a few numbers now and many more in a while."""
        for courier in self.table.couriers:
            if courier.numbers != "leased":
                continue
            few = self.dice.choice((0, 3, HANDED_OUT))
            self._load(courier, 0, few)
            delay_ms = self.dice.randint(2_000, 30_000)
            self.world.office.open += 1
            self.world.time.later(delay_ms, "numbers", self._load_rest, courier, few)

    def _load_rest(self, courier: Courier, after: int) -> None:
        self.world.office.open -= 1
        self._load(courier, after, HANDED_OUT)

    def _load(self, courier: Courier, start: int, end: int) -> None:
        numbers = [f"{courier.prefix}{number:08d}" for number in range(start, end)]

        def work(desk: Desk) -> None:
            add_numbers(desk, courier, numbers)
            for edge in self.world.edges:
                set_level(desk, courier, LevelRequest(warehouse=edge.name, level=LEVEL))

        self.world.office.ask(f"{courier.courier} from {start}", work)

    def supply(self, desk: Desk) -> int:
        """Lend numbers to the warehouses that run short."""
        return supply_numbers(desk, self.table.couriers)

    def issue(self, desk: Desk) -> int:
        """Ask for the numbers of parcels that wait for them; return how many were asked for."""
        online = {one.courier: one for one in self.table.couriers if one.numbers == "online"}
        if not online:
            return 0
        due = due_parcels(desk, tuple(online.values()), PARCELS_PER_TURN)
        for waiting in due:
            wild = self.world.wild
            if wild and self.dice.random() < SILENCE:
                self.world.time.fault("courier_silent")
                error = CourierSilent("courier_timeout", "It did not answer.")
                asking_failed(desk, waiting.parcel_id, error, first_ms=RETRY_MS)
                continue
            number = self._number(waiting.parcel_id)
            if wild and len(self.issued) > 1 and self.dice.random() < SAME_NUMBER:
                self.world.time.fault("courier_same_number")
                number = self.dice.choice(sorted(self.issued.values()))
            if not number_issued(desk, online[waiting.courier], waiting.parcel_id, number):
                # Whoever is asked about it at the courier gives the parcel another number.
                self.issued.pop(waiting.parcel_id, None)
        return len(due)

    def _number(self, parcel_id: str) -> str:
        if parcel_id not in self.issued:
            self._count += 1
            self.issued[parcel_id] = f"OL{self._count:08d}"
        return self.issued[parcel_id]

    def ask_again(self) -> None:
        """Somebody at head office has spoken with the couriers."""
        for courier in self.table.couriers:
            if courier.numbers == "online" and self.world.hub.up:
                self.world.hub.use("office", lambda desk, one=courier: ask_again(desk, one.courier))
