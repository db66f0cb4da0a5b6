"""Every combination of what people, shops and floors do with an order, in every order of arrival.

Method: the real services on real books. First a floor that keeps the law, with commands and facts
on their way for any time: every state that can be reached is visited once, by trying each step in a
savepoint. Then floors that say anything in any order (their books were put back, lines were told
twice): random stories, after each step of which everything must still add up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.domain.orders import OVER
from hub.store.protocol import Desk
from shared.domain.errors import Conflict, Refused
from shared.domain.facts import (
    CancelConfirmed,
    CancelTooLate,
    CommandAccepted,
    CommandRefused,
    Fact,
    LabelPrinted,
    PickingStarted,
)
from tests.integration.hub.order_stories import (
    SKU,
    Floors,
    Story,
    Undo,
    graded,
    packed,
    picked,
    returned,
    shipped,
    short,
)

STORIES: Final = 60
"""Random stories of floors that keep no law, per database."""


@pytest.fixture
def stocked(books: Any) -> Any:
    """Two warehouses that could each fill the order, their edges enrolled."""
    books.stock(f"SHA,A01,{SKU},3,", f"CAN,A01,{SKU},3,")
    books.release()
    return books


# A floor that keeps the law; commands and facts may be on their way for any time


class Explorer:
    """Visits every state that can be reached, each once."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.floors = Floors(story)
        self.seen: set[object] = set()
        self.ends: set[str] = set()
        self.refused: set[str] = set()

    def visit(self) -> None:
        key = (self.story.picture(), self.floors.picture())
        if key in self.seen:
            return
        self.seen.add(key)
        self.story.check()
        assert self.story.exceptions() == set()
        self.note_end()
        for step in (*self.requests(), *self.floors.steps()):
            self.attempt(step)

    def attempt(self, step: Callable[[], None]) -> None:
        before = self.floors.copy()

        def go() -> None:
            step()
            self.visit()
            raise Undo

        try:
            self.story.desk.attempt(go)
        except Undo:
            pass
        except (Refused, Conflict) as error:
            self.refused.add(error.code)
        self.floors.put_back(before)

    def requests(self) -> list[Callable[[], None]]:
        story = self.story
        return [partial(story.put, 1), partial(story.put, 2), story.cancel, story.pumps]

    def note_end(self) -> None:
        """Where nothing is on its way and no floor has work, both sides tell the same end."""
        floors, parcels = self.floors, self.story.parcels()
        moving = floors.up or any(map(floors.waiting_commands, floors.down))
        if moving or any(one.state not in OVER for one in parcels):
            return
        told = {one.parcel_id: one.state for one in floors.parcels.values()}
        assert all(told.get(one.parcel_id, "cancelled") == one.state for one in parcels)
        order_id = self.story.order_id
        order = None if order_id is None else self.story.desk.orders.get(order_id)
        if order is not None:
            ends = {one.state for one in parcels if one.waybill}
            self.ends.add(f"{order.status}: {', '.join(sorted(ends))}")


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_every_story_a_lawful_floor_can_tell_ends_in_a_defined_state(
    stocked: Any, make_order: Callable[..., Any]
) -> None:
    found: list[Explorer] = []

    def work(desk: Desk) -> None:
        found.append(Explorer(Story(desk, make_order)))
        found[0].visit()
        raise Undo

    with pytest.raises(Undo):
        stocked.write(work)
    (explorer,) = found
    assert explorer.ends == {
        "cancelled: ",
        "cancelled: cancelled",
        "cancelled: cancelled, short",
        "cancelled: short",
        "shipped: cancelled, shipped",
        "shipped: shipped",
        "shipped: shipped, short",
    }
    assert explorer.refused == {"order_state", "order_version_old"}


# Floors that say anything in any order

REQUESTS: Final[dict[str, Callable[[Story], None]]] = {
    "order": lambda story: story.put(1),
    "amend": lambda story: story.put(2),
    "cancel": Story.cancel,
    "let go": Story.let_go,
    "pumps": Story.pumps,
}
FACTS: Final[dict[str, Callable[[Any, int], Fact]]] = {
    "accept": lambda one, _: CommandAccepted(command_id=f"assign-{one.parcel_id}"),
    "start": lambda one, _: PickingStarted(parcel_ids=(one.parcel_id,), wave="W1"),
    "pick": lambda one, units: picked(one.parcel_id, units),
    "short": lambda one, _: short(one.parcel_id),
    "pack": lambda one, units: packed(one.parcel_id, units),
    "label": lambda one, _: LabelPrinted(
        parcel_id=one.parcel_id, waybill=one.waybill or "", copy_no=1
    ),
    "ship": lambda one, units: shipped(one.parcel_id, one.waybill or "", units),
    "return good": lambda one, _: returned(one.parcel_id, "good"),
    "return": lambda one, _: returned(one.parcel_id, "quarantine"),
    "return scrap": lambda one, _: returned(one.parcel_id, "scrap"),
    "good after all": lambda _one, _: graded("good"),
    "scrapped after all": lambda _one, _: graded("scrap"),
    "confirm cancel": lambda one, _: CancelConfirmed(command_id="c", parcel_id=one.parcel_id),
    "too late": lambda one, _: CancelTooLate(command_id="c", parcel_id=one.parcel_id),
    "refuse": lambda one, _: CommandRefused(
        command_id=f"assign-{one.parcel_id}", code="sku_unknown", sentence="No."
    ),
    "refuse cancel": lambda one, _: CommandRefused(
        command_id=f"cancel-{one.parcel_id}", code="parcel_unknown", sentence="No."
    ),
}
steps = st.one_of(
    st.sampled_from(sorted(REQUESTS)),
    st.tuples(st.sampled_from(sorted(FACTS)), st.integers(0, 2), st.integers(1, 2)),
)


@settings(
    max_examples=STORIES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(told=st.lists(steps, min_size=6, max_size=16))
def test_whatever_floors_say_in_whatever_order_the_books_add_up(
    stocked: Any, make_order: Callable[..., Any], told: list[Any]
) -> None:
    def step(story: Story, one: Any) -> None:
        if isinstance(one, str):
            REQUESTS[one](story)
            return
        name, place, units = one
        parcels = story.parcels()
        if parcels:
            parcel = parcels[place % len(parcels)]
            story.tell(parcel.warehouse, FACTS[name](parcel, units))

    def work(desk: Desk) -> None:
        story, so_far = Story(desk, make_order), []
        for one in ("order", "pumps", *told):
            so_far.append(one)
            try:
                desk.attempt(partial(step, story, one))
            except (Refused, Conflict):
                assert isinstance(one, str), "a fact is never refused"
            story.check(so_far)
        raise Undo

    with pytest.raises(Undo):
        stocked.write(work)
