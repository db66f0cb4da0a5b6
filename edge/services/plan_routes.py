"""Plan walks for somebody else's pick lists: JSON in, JSON out, nothing stored.

The same planner that routes our own carts, offered on the command line and over HTTP, so that a
site can compare it with its paper lists before it goes live.
"""

from __future__ import annotations

from typing import Final

import msgspec

from edge.domain.routing import Cell, Layout, check_layout, route
from edge.domain.walk_states import Distance
from shared.domain.errors import InvalidInput

LISTS_MAX: Final = 10_000


class PickListToRoute(msgspec.Struct, frozen=True):
    """One pick list: its id comes back with its route, `picks` are (aisle, cell) from 0."""

    id: str | int
    picks: list[Cell]


class RoutesRequest(msgspec.Struct, frozen=True):
    """Lists to be walked one by one in the same picking area."""

    layout: Layout
    lists: list[PickListToRoute]


class PlannedRoute(msgspec.Struct, frozen=True):
    """`length` of the closed walk in the layout's unit; `sequence` is the order of the picks."""

    id: str | int
    length: Distance
    sequence: tuple[Cell, ...]


class RoutesAnswer(msgspec.Struct, frozen=True):
    """One route per list, in the order of the request."""

    routes: list[PlannedRoute]


_decoder = msgspec.json.Decoder(RoutesRequest)


def plan_routes(body: bytes) -> RoutesAnswer:
    """Return the shortest walk for each list in the JSON `body`.

    Raises InvalidInput with one sentence when `body` cannot be read or a pick lies outside.
    """
    try:
        request = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            "planning_request",
            f"Failed to read the pick lists: {error}.",
            hint='Send {"layout": {...}, "lists": [{"id": "1", "picks": [[aisle, cell], ...]}]}.',
        ) from None
    if len(request.lists) > LISTS_MAX:
        raise InvalidInput(
            "too_many_lists",
            f"Failed to plan: expected at most {LISTS_MAX} lists, got {len(request.lists)}.",
            hint="Send them in several requests.",
        )
    check_layout(request.layout)
    planned = ((one.id, route(request.layout, one.picks)) for one in request.lists)
    return RoutesAnswer([PlannedRoute(name, way.length, way.sequence) for name, way in planned])
