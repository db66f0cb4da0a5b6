"""Plan which of somebody else's orders share a cart: JSON in, JSON out, nothing stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Annotated, Final

import msgspec

from edge.domain.batching import Order, batch_orders
from edge.domain.routing import Layout, check_layout
from edge.domain.walk_states import Distance
from shared.domain.errors import InvalidInput

ORDERS_MAX: Final = 5_000
PICKS_MAX: Final = 50_000
TIME_LIMIT_SECONDS: Final = 5.0
TIME_LIMIT_SECONDS_MAX: Final = 60.0
SEED: Final = 1

Pick = tuple[int, int, Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]]
"""(aisle, cell, quantity)."""


class OrderToBatch(msgspec.Struct, frozen=True):
    """One order: its id comes back in a batch."""

    id: str | int
    picks: list[Pick]


class BatchesRequest(msgspec.Struct, frozen=True):
    """Orders to be put onto carts of `capacity` units, within about `time_limit_seconds`."""

    layout: Layout
    capacity: Annotated[int, msgspec.Meta(ge=1)]
    orders: list[OrderToBatch]
    time_limit_seconds: Annotated[float, msgspec.Meta(gt=0)] = TIME_LIMIT_SECONDS


class BatchesAnswer(msgspec.Struct, frozen=True):
    """Order ids cart by cart, and the sum of the shortest walks in the layout's unit."""

    batches: list[list[str | int]]
    length: Distance


_decoder = msgspec.json.Decoder(BatchesRequest)


def plan_batches(body: bytes) -> BatchesAnswer:
    """Return a good plan for the orders in the JSON `body`; takes as long as the request allows.

    Raises InvalidInput with one sentence when `body` cannot be read, a pick lies outside the
    layout, or an order does not fit on a cart.
    """
    try:
        request = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            "planning_request",
            f"Failed to read the orders: {error}.",
            hint='Send {"layout": {...}, "capacity": 30, "orders": [{"id": "1", "picks": '
            "[[aisle, cell, quantity], ...]}]}.",
        ) from None
    _check(request)
    orders = [_order(one) for one in request.orders]
    batches, length = batch_orders(
        request.layout,
        request.capacity,
        orders,
        keep_going=_until(min(request.time_limit_seconds, TIME_LIMIT_SECONDS_MAX)),
        choose=Random(SEED).randrange,  # noqa: S311  a search, not a secret
    )
    return BatchesAnswer(
        [[request.orders[index].id for index in sorted(batch)] for batch in batches], length
    )


def _until(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end


def _order(order: OrderToBatch) -> Order:
    return Order(
        tuple((aisle, cell) for aisle, cell, _ in order.picks),
        sum(quantity for _, _, quantity in order.picks),
    )


def _check(request: BatchesRequest) -> None:
    check_layout(request.layout)
    picks = sum(len(order.picks) for order in request.orders)
    if len(request.orders) > ORDERS_MAX or picks > PICKS_MAX:
        raise InvalidInput(
            "too_many_orders",
            f"Failed to plan: expected at most {ORDERS_MAX} orders and {PICKS_MAX} picks, "
            f"got {len(request.orders)} and {picks}.",
            hint="Send them in several requests.",
        )
    for order in request.orders:
        units = sum(quantity for _, _, quantity in order.picks)
        if units > request.capacity:
            raise InvalidInput(
                "order_too_large",
                f"Failed to plan order {order.id}: expected at most {request.capacity} units, "
                f"got {units}.",
                hint="Split the order or use a larger cart.",
            )
        for aisle, cell, _ in order.picks:
            layout = request.layout
            if not (0 <= aisle < layout.aisles and 0 <= cell < layout.cells_per_aisle):
                raise InvalidInput(
                    "pick_outside",
                    f"Failed to plan order {order.id}: aisle {aisle}, cell {cell} lies outside "
                    f"{layout.aisles} aisles of {layout.cells_per_aisle} cells.",
                    hint="Correct the pick or the layout.",
                )
