"""What matters about a walk through the aisles already decided, and how it can go on.

A shortest walk is swept from aisle to aisle (see `routing`). Of everything decided so far only this
counts: which junctions of the last aisle the walk touches, how many path pieces meet there (an odd
or an even number), and which of them hang together. Here are these states and the two ways in which
they change: by walking a piece of aisle, and by walking along the cross-aisles to the next one.

Source: Ratliff & Rosenthal, Operations Research 31(3), 1983, table of equivalence classes.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

Distance = int | float
"""A length in the unit of the layout (millimetres at an edge); whole when the layout is whole."""
State = tuple[int, ...]
"""One number per junction of the aisle just decided, top first: 0 when the walk does not touch it,
else 2 x (number of the connected part) + (1 when its degree is odd)."""
Option = Literal["skip", "pass", "twice", "upper", "lower", "gap"]
"""How a piece of aisle is walked: not, once, to and fro, from above, from below, from both ends."""
Ways = tuple[int, ...]
"""How often each cross-aisle is walked between two neighbouring aisles, top first."""


def _canonical(state: list[int]) -> State:
    """Number the connected parts in order of appearance, so that equal states are equal."""
    names: dict[int, int] = {}
    return tuple(
        code and 2 * names.setdefault(code // 2, len(names) + 1) + code % 2 for code in state
    )


def _touch(state: list[int], junction: int) -> None:
    """Give an untouched junction a connected part of its own, with an even degree."""
    # Parts are numbered from 1 to at most the number of junctions, so this number is free.
    if state[junction] == 0:
        state[junction] = 2 * (len(state) + junction + 1)


@cache
def with_depot(state: State, junction: int) -> State:
    """Return the state once the walk touches `junction`, where it begins and ends."""
    touched = list(state)
    _touch(touched, junction)
    return _canonical(touched)


@cache
def after_aisle(state: State, upper: int, option: Option) -> State:
    """Return the state once the aisle piece below junction `upper` is walked as `option` says."""
    after = list(state)
    lower = upper + 1
    if option in {"pass", "twice", "upper", "gap"}:
        _touch(after, upper)
    if option in {"pass", "twice", "lower", "gap"}:
        _touch(after, lower)
    if option in {"pass", "twice"}:
        kept, merged = after[upper] // 2, after[lower] // 2
        after = [2 * kept + code % 2 if code // 2 == merged else code for code in after]
    if option == "pass":
        after[upper] ^= 1
        after[lower] ^= 1
    return _canonical(after)


@cache
def after_cross(state: State) -> tuple[tuple[State, Ways, int], ...]:
    """Return every way on to the next aisle: (state there, pieces per cross-aisle, their number).

    A junction must end with an even degree, so an odd one sends one piece on and an even one none
    or two; a part of the walk that sends nothing on would be cut off.
    """
    ways: list[list[int]] = [[]]
    for code in state:
        choices = [0] if code == 0 else [1] if code % 2 else [0, 2]
        ways = [[*way, pieces] for way in ways for pieces in choices]
    parts = {code // 2 for code in state if code}
    found = []
    for way in ways:
        carried = [
            (code // 2 * 2 + pieces % 2) if pieces else 0
            for code, pieces in zip(state, way, strict=True)
        ]
        if {code // 2 for code in carried if code} == parts:
            found.append((_canonical(carried), tuple(way), sum(way)))
    return tuple(found)


def options_of(top: Distance, bottom: Distance, stops: list[Distance]) -> dict[Option, Distance]:
    """Return the ways to serve `stops` on the aisle piece from `top` to `bottom`, with lengths."""
    length = bottom - top
    options: dict[Option, Distance] = {"pass": length, "twice": 2 * length}
    if not stops:
        options["skip"] = 0
        return options
    options["upper"] = 2 * (stops[-1] - top)
    options["lower"] = 2 * (bottom - stops[0])
    if len(stops) > 1:
        options["gap"] = 2 * (length - largest_gap(stops)[0])
    return options


def largest_gap(stops: list[Distance]) -> tuple[Distance, int]:
    """Return (length, index of the stop above it) of the largest gap between two stops."""
    return max((stops[i + 1] - stops[i], i) for i in range(len(stops) - 1))
