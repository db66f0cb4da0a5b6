"""A serial scanner that types what it is told to, with the habits of real ones.

A trigger held too long reads twice; a cable that moves loses the end of a scan, so that the packer
scans again.

>>> typed("SN-1", Habit())
[b'SN-1\\r\\n']
>>> typed("SN-1", Habit(double=True, pieces=2))
[b'SN-', b'1\\r\\n', b'SN-', b'1\\r\\n']
>>> typed("SN-1", Habit(partial=True))
[b'SN']
"""

from __future__ import annotations

from typing import Annotated

import msgspec


class Habit(msgspec.Struct, frozen=True):
    """How a scan is typed.

    `double` types it twice at once, `partial` only its first half and no end, `pieces` in so many
    writes; `suffix` as the scanner is set up.
    """

    suffix: str = "\r\n"
    double: bool = False
    partial: bool = False
    pieces: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1


def typed(text: str, habit: Habit) -> list[bytes]:
    """Return the writes with which a scanner of this habit types `text`."""
    if habit.partial:
        return [text[: max(1, len(text) // 2)].encode()]
    body = (text + habit.suffix).encode()
    step = -(-len(body) // habit.pieces)
    once = [body[at : at + step] for at in range(0, len(body), step)]
    return once * 2 if habit.double else once
