"""Which orders go onto which cart, so that all carts together walk least.

Most online orders are one or two units. Taken one by one, or in the order they came, each costs a
walk through half the building; taken together with their neighbours they cost a few steps. The
choice is hard to make exactly, so it is made well: two starts (a sweep along the aisles, and Clarke
and Wright's savings, where the two groups whose union saves most are joined first), then as long as
there is time some orders of related carts are taken off and put back where they cost least. Every
walk is measured exactly, so nothing is won on paper only.

Sources: Clarke & Wright, Operations Research 12(4), 1964; de Koster, van der Poort & Wolters, IJPR
37(7), 1999 (savings for batching); Shaw, CP 1998 (take off related ones and put back).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from edge.domain.routing import Cell, Layout
from edge.domain.walk_meter import WalkMeter
from edge.domain.walk_states import Distance

SAVINGS_ORDERS_MAX: Final = 250
"""Savings look at all pairs; for more orders only the sweep is a start."""
TAKEN_OFF_MAX: Final = 14
"""Orders that are taken off and put back in one try."""
DETOUR_MAX: Final = 1.004
"""The search may go on from a plan this much longer than the best one, or it gets stuck."""
KNOWN_MAX: Final = 400_000
"""Lengths remembered; then all are forgotten, to keep memory bounded."""

Batch = frozenset[int]
"""Positions of orders in the request that share one cart."""
Choose = Callable[[int], int]
"""Returns some whole number from 0 up to, not including, its argument."""


class Order(msgspec.Struct, frozen=True):
    """The bins an order is picked from, and how much of a cart it fills."""

    cells: tuple[Cell, ...]
    units: int


def batch_orders(
    layout: Layout,
    capacity: int,
    orders: Sequence[Order],
    *,
    keep_going: Callable[[], bool],
    choose: Choose,
) -> tuple[list[Batch], Distance]:
    """Return batches of at most `capacity` units that hold each order once, and their walks' sum.

    No order may be larger than `capacity`. The search ends when `keep_going` says so; the two
    starts are finished in any case unless it says so earlier.
    """
    if not orders:
        return [], 0
    carts = _Carts(layout, capacity, orders)
    best = _sweep(carts)
    if len(orders) <= SAVINGS_ORDERS_MAX:
        best = min(best, _savings(carts, keep_going), key=carts.total)
    best = _search(carts, best, keep_going, choose)
    return sorted(best, key=min), carts.total(best)


class _Carts:
    """The orders, the measure, and what was measured already."""

    def __init__(self, layout: Layout, capacity: int, orders: Sequence[Order]) -> None:
        self.layout = layout
        self.capacity = capacity
        self.orders = orders
        self._meter = WalkMeter(layout)
        self._known: dict[Batch, Distance] = {frozenset(): 0}

    def length(self, batch: Batch) -> Distance:
        """Return the walk of one cart."""
        length = self._known.get(batch)
        if length is None:
            if len(self._known) >= KNOWN_MAX:
                self._known = {frozenset(): 0}
            cells = [cell for order in batch for cell in self.orders[order].cells]
            length = self._known[batch] = self._meter.length(cells)
        return length

    def total(self, batches: Sequence[Batch]) -> Distance:
        """Return the walks of all carts."""
        return sum(self.length(batch) for batch in batches)

    def units(self, batch: Batch) -> int:
        """Return how full a cart is."""
        return sum(self.orders[order].units for order in batch)

    def fits(self, one: Batch, other: Batch) -> bool:
        """Return True when both go onto one cart."""
        return self.units(one) + self.units(other) <= self.capacity


def _sweep(carts: _Carts) -> list[Batch]:
    """Fill cart after cart along a snake through the aisles."""

    def along_the_snake(order: int) -> tuple[int, int]:
        aisle, cell = min(carts.orders[order].cells, default=(0, 0))
        return aisle, cell if aisle % 2 else -cell

    batches: list[Batch] = []
    cart: set[int] = set()
    room = carts.capacity
    for order in sorted(range(len(carts.orders)), key=along_the_snake):
        units = carts.orders[order].units
        if units > room:
            batches.append(frozenset(cart))
            cart, room = set(), carts.capacity
        cart.add(order)
        room -= units
    return [*batches, frozenset(cart)]


def _savings(carts: _Carts, keep_going: Callable[[], bool]) -> list[Batch]:
    """Join the two groups whose union saves most, again and again."""
    groups: dict[Batch, None] = {frozenset({order}): None for order in range(len(carts.orders))}
    heap: list[tuple[Distance, list[int], list[int]]] = []

    def offer(one: Batch, other: Batch) -> None:
        if carts.fits(one, other):
            saved = carts.length(one) + carts.length(other) - carts.length(one | other)
            heapq.heappush(heap, (-saved, sorted(one), sorted(other)))

    waiting = list(groups)
    for index, one in enumerate(waiting):
        if not keep_going():
            break
        for other in waiting[:index]:
            offer(one, other)
    while heap and keep_going():
        saved, first, second = heapq.heappop(heap)
        one, other = frozenset(first), frozenset(second)
        if saved > 0:
            break
        if one in groups and other in groups:
            del groups[one], groups[other]
            for group in groups:
                offer(one | other, group)
            groups[one | other] = None
    return list(groups)


def _search(
    carts: _Carts, start: list[Batch], keep_going: Callable[[], bool], choose: Choose
) -> list[Batch]:
    """Take some orders of related carts off and put them back better, while there is time."""
    best = now = start
    shortest = carts.total(start)
    while keep_going() and len(now) > 1:
        tried = _put_back(carts, *_take_off(carts, now, choose), choose)
        total = carts.total(tried)
        if total <= shortest * DETOUR_MAX:
            now = tried
        if total < shortest:
            best, shortest = tried, total
    return best


def _take_off(carts: _Carts, batches: list[Batch], choose: Choose) -> tuple[list[Batch], list[int]]:
    """Return the carts with some orders taken off, and those orders.

    They come from a cart and from the carts whose walks go best together with its own.
    """
    seed = batches[choose(len(batches))]
    others = [batch for batch in batches if batch is not seed]
    some = [others[choose(len(others))] for _ in range(min(6, len(others)))]
    related = max(some, key=lambda other: _shared(carts, seed, other))
    pool = sorted(seed | related)
    count = 1 + choose(min(TAKEN_OFF_MAX, len(pool)))
    taken = {pool[choose(len(pool))] for _ in range(count)}
    left = [batch - taken for batch in batches]
    return [batch for batch in left if batch], sorted(taken)


def _shared(carts: _Carts, one: Batch, other: Batch) -> int:
    """Return how many bins of one cart lie in or next to an aisle that the other walks too."""
    aisles = {aisle for order in other for aisle, _ in carts.orders[order].cells}
    near = aisles | {aisle + 1 for aisle in aisles} | {aisle - 1 for aisle in aisles}
    return sum(1 for order in one for aisle, _ in carts.orders[order].cells if aisle in near)


def _put_back(carts: _Carts, batches: list[Batch], taken: list[int], choose: Choose) -> list[Batch]:
    """Put each order, in some order, onto the cart where it costs least; a new cart if need be."""
    waiting = list(taken)
    while waiting:
        order = frozenset({waiting.pop(choose(len(waiting)))})
        best, where = carts.length(order), len(batches)
        for index, batch in enumerate(batches):
            if carts.fits(batch, order):
                cost = carts.length(batch | order) - carts.length(batch)
                if cost < best:
                    best, where = cost, index
        if where == len(batches):
            batches.append(order)
        else:
            batches[where] |= order
    return batches
