"""Second machines with a warehouse's identity: when does head office have to hear of one?

A disk that was put back greets as a stranger while the machine before it, just stopped, still seems
near; that settles itself. When the rightful machine is heard again after a stranger was turned
away, there are two, and a person is told once.
"""

from __future__ import annotations

from typing import Final

import msgspec

FORGOTTEN_MS: Final = 120_000
"""A second machine that does not greet for this long is gone."""


class _Rival(msgspec.Struct):
    """A machine that was turned away; `told` to head office or not. Monotonic milliseconds."""

    since_ms: int
    seen_ms: int
    told: bool = False


class Rivals:
    """The machines that were turned away, by node."""

    def __init__(self) -> None:
        """Nobody was turned away yet."""
        self._rivals: dict[str, _Rival] = {}

    def contested(self, node: str, heard_ms: int) -> bool:
        """Say whether both machines live, `heard_ms` being the rightful one's last sign of life."""
        rival = self._rivals.get(node)
        return rival is not None and not rival.told and heard_ms > rival.since_ms

    def turned_away(self, node: str, now_ms: int, *, told: bool) -> None:
        """Note that a machine was turned away, and whether head office was told of it."""
        rival = self._rivals.get(node)
        if rival is None or now_ms - rival.seen_ms > FORGOTTEN_MS:
            rival = self._rivals[node] = _Rival(since_ms=now_ms, seen_ms=now_ms)
        rival.seen_ms = now_ms
        rival.told = rival.told or told
