"""What a shop may still show is never less than what it does show, whatever gets lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain import publishing
from hub.domain.channel_rows import Listing
from hub.domain.publishing import needs_push, wanted_quantity


def listing(**fields: object) -> Listing:
    return Listing(channel="generic", shop="main", sku="A", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("available", "percent", "buffer", "wanted"),
    [(10, 100, 0, 10), (10, 50, 0, 5), (9, 50, 2, 3), (1, 100, 2, 0), (0, 100, 0, 0)],
)
def test_a_shop_shows_its_share_of_what_is_available(
    available: int, percent: int, buffer: int, wanted: int
) -> None:
    assert wanted_quantity(available, percent, buffer) == wanted


def test_a_lowered_number_is_held_until_confirmed_and_pulled() -> None:
    one = publishing.confirmed(listing(), 10, "", 100)
    one = publishing.asked(one, 4)
    assert one.held == 10
    one = publishing.confirmed(one, 4, "", 200)
    assert publishing.pulled(one, 199).held == 10
    assert publishing.pulled(one, 200).held == 4


def test_a_raised_number_is_held_before_it_is_sent() -> None:
    one = publishing.pulled(publishing.confirmed(listing(), 4, "", 100), 100)
    assert publishing.asked(one, 10).held == 10


def test_silence_means_maybe_still_higher() -> None:
    one = publishing.asked(publishing.confirmed(listing(), 10, "", 100), 4)
    one = publishing.in_doubt(one, "shop_timeout", 900)
    assert (one.shown, one.held, one.asked) == (None, 10, 4)
    assert publishing.pulled(one, 10_000).held == 10
    assert not needs_push(one, 4, pulled_until_ms=10_000, now_ms=899)
    assert needs_push(one, 4, pulled_until_ms=10_000, now_ms=900)


def test_a_clear_no_leaves_what_was_shown() -> None:
    one = publishing.pulled(publishing.confirmed(listing(), 4, "", 100), 100)
    one = publishing.refused(publishing.asked(one, 10), "shop_refused", 500, 200)
    assert (one.shown, one.held, one.asked) == (4, 10, None)
    assert publishing.pulled(one, 200).held == 4


def test_after_a_stale_answer_the_shop_is_pulled_before_it_is_told_again() -> None:
    one = publishing.stale(publishing.asked(listing(shown=7), 9), 5, "", 300)
    assert not needs_push(one, 9, pulled_until_ms=299, now_ms=1_000)
    assert needs_push(one, 9, pulled_until_ms=300, now_ms=1_000)
    assert publishing.sold(one, 2, pulled_until_ms=299).shown == 5
    assert publishing.sold(one, 2, pulled_until_ms=300).shown == 3


def test_a_change_whose_answer_was_never_heard_is_looked_at_before_the_old_number_fits_again() -> (
    None
):
    one = publishing.asked(publishing.confirmed(listing(), 0, "", 100), 2)
    assert publishing.needs_look(one, look_ms=10_000, now_ms=200)  # it showed 2, and sold both
    one = publishing.stale(publishing.looked_at(one), 0, "", 300)
    assert (one.asked, one.held) == (None, 2)
    assert not needs_push(one, 2, pulled_until_ms=299, now_ms=400)


class World:
    """A shop that shows a number, sells from it, and a line that loses things."""

    def __init__(self) -> None:
        self.now, self.pulled_until = 1_000, 0
        self.shows, self.unpulled = 3, 0
        self.row = listing()
        self.on_the_way: tuple[int, int] | None = None
        self.known = False

    def sell(self, units: int) -> None:
        units = min(units, self.shows)
        self.shows -= units
        self.unpulled += units

    def pull(self) -> None:
        if self.unpulled:
            self.row = publishing.sold(self.row, self.unpulled, pulled_until_ms=self.pulled_until)
        self.known = self.known or self.row.settled_ms > 0
        self.unpulled, self.pulled_until = 0, self.now
        self.row = publishing.pulled(self.row, self.now)

    def land(self) -> None:
        """A change that was still on its way arrives: the shop compares before it sets."""
        if self.on_the_way is not None and self.on_the_way[0] == self.shows:
            self.shows = self.on_the_way[1]
        self.on_the_way = None

    def look(self) -> None:
        """Ask the shop what it shows; what was on its way has landed by then."""
        self.land()
        self.row = publishing.stale(self.row, self.shows, "", self.now)

    def tell(self, wanted: int, how: str) -> None:
        if not needs_push(self.row, wanted, pulled_until_ms=self.pulled_until, now_ms=self.now):
            return
        if self.row.shown is None:
            if how == "answered":
                self.look()
            return
        expected = self.row.shown
        self.row = publishing.asked(self.row, wanted)
        if how == "refused":
            self.row = publishing.refused(self.row, "no", self.now + 1, self.now)
            return
        fits = expected == self.shows
        if how == "lost":
            self.on_the_way = (expected, wanted)
        elif fits:
            self.shows = wanted
        if how in {"lost", "unanswered"}:
            self.row = publishing.in_doubt(self.row, "shop_timeout", self.now + 5)
        elif fits:
            self.row = publishing.confirmed(self.row, wanted, "", self.now)
        else:
            self.row = publishing.stale(self.row, self.shows, "", self.now)


STEP = st.one_of(
    st.tuples(st.just("sell"), st.integers(1, 4)),
    st.tuples(st.just("pull"), st.just(0)),
    st.tuples(st.just("land"), st.just(0)),
    st.tuples(st.sampled_from(["answered", "refused", "lost", "unanswered"]), st.integers(0, 12)),
)


@settings(max_examples=500)
@given(steps=st.lists(STEP, max_size=40))
def test_held_covers_what_the_shop_shows_and_what_it_sold_untold(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    for what, number in steps:
        world.now += 3
        match what:
            case "sell":
                world.sell(number)
            case "pull":
                world.pull()
            case "land":
                world.land()
            case how:
                world.tell(number, how)
        if world.known:  # looked at once, and pulled since
            assert world.row.held >= world.shows + world.unpulled


@settings(max_examples=200)
@given(steps=st.lists(STEP, max_size=20), wanted=st.integers(0, 12))
def test_once_the_line_is_good_shop_and_books_agree_after_the_next_look(
    steps: list[tuple[str, int]], wanted: int
) -> None:
    world = World()
    for what, number in steps:
        world.now += 3
        if what == "sell":
            world.sell(number)
        elif what == "pull":
            world.pull()
        elif what == "land":
            world.land()
        else:
            world.tell(number, what)
    for round_no in range(6):
        world.now += 10
        if round_no == 3:  # sales on both sides of an earlier look are told apart by the next one
            world.look()
        world.tell(wanted, "answered")
        world.pull()
    assert (world.shows, world.row.shown, world.row.held) == (wanted, wanted, wanted)
